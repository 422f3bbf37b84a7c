"""Writing loop IR: fresh names, nested bodies as context managers, and short constructors of expressions.

The constructors insert no conversions: both operands of an operation must already have the same type (the verifier
checks it), and :func:`convert` is the only way from one type to another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from locality.kernel import ir
from locality.kernel.ir import Array, Expr, Scalar, Stmt, Type, Var
from locality.kernel.primitives import PRIMITIVES


class Builder:
    """Collects the parameters and statements of one kernel.

    Names are generated (``v0``, ``v1``, ``m0``, ...), so nothing of a query reaches the text of a kernel.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._parameters: list[Var] = []
        self._allocations: list[Stmt] = []
        self._bodies: list[list[Stmt]] = [[]]

    def fresh(self, kind: Type, prefix: str = "v") -> Var:
        """A variable whose name nothing else has; it is defined by whoever emits its first statement."""
        name = f"{prefix}{self._counts[prefix]}"
        self._counts[prefix] += 1
        return Var(name, kind)

    def parameter(self, kind: Type, prefix: str = "p") -> Var:
        """A new parameter of the kernel; parameters are passed in the order in which they were asked for."""
        var = self.fresh(kind, prefix)
        self._parameters.append(var)
        return var

    def local_array(self, element: Scalar, length: int, prefix: str = "a") -> Var:
        """An uninitialised scratch array of ``length`` elements, allocated once at the head of the kernel."""
        var = self.fresh(Array(element), prefix)
        self._allocations.append(ir.Allocate(var, length))
        return var

    def hoist(self, value: Expr, prefix: str = "h") -> Var:
        """A local scalar computed once at the head of the kernel, from parameters and other hoisted values only."""
        var = self.fresh(value.type, prefix)
        self._allocations.append(ir.Assign(var, value))
        return var

    def emit(self, stmt: Stmt) -> None:
        """Appends a statement to the innermost open body."""
        self._bodies[-1].append(stmt)

    def assign(self, value: Expr, prefix: str = "v") -> Var:
        """A new local scalar that holds ``value``."""
        var = self.fresh(value.type, prefix)
        self.emit(ir.Assign(var, value))
        return var

    def set(self, target: Var, value: Expr) -> None:
        """Overwrites a local scalar with a value of the same type."""
        self.emit(ir.Assign(target, value))

    def store(self, array: Var, index: Expr | tuple[Expr, ...], value: Expr) -> None:
        """``array[index] = value``."""
        self.emit(ir.Store(array, _indices(index), value))

    def update(self, op: str, array: Var, index: Expr | tuple[Expr, ...], value: Expr) -> None:
        """``array[index] op= value``; op is one of :class:`ir.Update`'s."""
        self.emit(ir.Update(op, array, _indices(index), value))

    def slice(self, array: Var, start: Expr, stop: Expr, prefix: str = "s") -> Var:
        """A view of ``array[start:stop]`` over the first dimension."""
        var = self.fresh(array.type, prefix)
        self.emit(ir.Slice(var, array, start, stop))
        return var

    def evaluate(self, primitive: str, *args: Expr) -> None:
        """Calls a primitive for its effect on arrays."""
        self.emit(ir.Evaluate(call(primitive, *args)))

    def comment(self, text: str) -> None:
        """A line of explanation in the printed kernel; generated words only."""
        self.emit(ir.Comment(text))

    def skip(self) -> None:
        """Goes on with the next turn of the innermost loop."""
        self.emit(ir.Continue())

    @contextmanager
    def loop(
        self, start: Expr | int, stop: Expr | int | None = None, step: int = 1, prefix: str = "i"
    ) -> Iterator[Var]:
        """``with b.loop(stop) as i`` or ``with b.loop(start, stop, step) as i``: a counted loop around the body."""
        if stop is None:
            start, stop = 0, start
        counter = self.fresh(Scalar.I64, prefix)
        self._bodies.append([])
        yield counter
        body = tuple(self._bodies.pop())
        self.emit(ir.For(counter, _i64(start), _i64(stop), body, step))

    @contextmanager
    def when(self, condition: Expr) -> Iterator[None]:
        """``with b.when(condition)``: the body runs if the condition holds."""
        self._bodies.append([])
        yield
        body = tuple(self._bodies.pop())
        self.emit(ir.If(condition, body))

    @contextmanager
    def otherwise(self) -> Iterator[None]:
        """The other branch of the :meth:`when` that has just ended."""
        branch = self._bodies[-1].pop() if self._bodies[-1] else None
        if not isinstance(branch, ir.If) or branch.otherwise:
            raise ValueError("otherwise() must directly follow a when() block")
        self._bodies.append([])
        yield
        body = tuple(self._bodies.pop())
        self.emit(replace(branch, otherwise=body))

    def build(self, result: Expr | None = None) -> ir.Function:
        """The finished kernel; every context manager must have been left."""
        if len(self._bodies) != 1:
            raise ValueError("build() inside an open loop() or when() block")
        return ir.Function(tuple(self._parameters), tuple(self._allocations + self._bodies[0]), result)


def _indices(index: Expr | tuple[Expr, ...]) -> tuple[Expr, ...]:
    return index if isinstance(index, tuple) else (index,)


def _i64(value: Expr | int) -> Expr:
    return const_i64(value) if isinstance(value, int) else value


def const(value: int | float | bool, scalar: Scalar) -> ir.Const:
    """A structural constant of type ``scalar``."""
    return ir.Const(value, scalar)


def const_i64(value: int) -> ir.Const:
    """A structural constant of type I64."""
    return ir.Const(value, Scalar.I64)


def load(array: Var, *indices: Expr) -> ir.Load:
    """``array[indices]``."""
    return ir.Load(array, indices)


def call(primitive: str, *args: Expr) -> ir.Call:
    """A call of a registered primitive; raises TypeError if the arguments do not fit its signature."""
    return ir.Call(primitive, args, PRIMITIVES[primitive].result_type(tuple(arg.type for arg in args)))


def convert(value: Expr, scalar: Scalar) -> Expr:
    """``value`` as ``scalar``, or ``value`` itself if it already has that type."""
    return value if value.type is scalar else ir.Convert(value, scalar)


def select(condition: Expr, then: Expr, otherwise: Expr) -> ir.Select:
    """``then`` if ``condition`` else ``otherwise``; both must be safe to compute."""
    return ir.Select(condition, then, otherwise)


def not_(value: Expr) -> ir.Not:
    """Boolean negation."""
    return ir.Not(value)


def add(left: Expr, right: Expr) -> ir.Binary:
    """``left + right``, wrapping."""
    return ir.Binary("+", left, right)


def sub(left: Expr, right: Expr) -> ir.Binary:
    """``left - right``, wrapping."""
    return ir.Binary("-", left, right)


def mul(left: Expr, right: Expr) -> ir.Binary:
    """``left * right``, wrapping."""
    return ir.Binary("*", left, right)


def div(left: Expr, right: Expr) -> ir.Binary:
    """``left / right`` of floats."""
    return ir.Binary("/", left, right)


def trunc_div(left: Expr, right: Expr) -> ir.Binary:
    """The quotient of integers toward zero; the divisor must not be 0."""
    return ir.Binary("//", left, right)


def trunc_mod(left: Expr, right: Expr) -> ir.Binary:
    """The remainder of :func:`trunc_div`, with the sign of ``left``."""
    return ir.Binary("%", left, right)


def and_(left: Expr, right: Expr) -> ir.Binary:
    """``left & right`` of booleans or integers."""
    return ir.Binary("&", left, right)


def or_(left: Expr, right: Expr) -> ir.Binary:
    """``left | right`` of booleans or integers."""
    return ir.Binary("|", left, right)


def xor(left: Expr, right: Expr) -> ir.Binary:
    """``left ^ right`` of booleans or integers."""
    return ir.Binary("^", left, right)


def shift_left(left: Expr, right: Expr) -> ir.Binary:
    """``left << right`` of integers; 0 <= right < bits."""
    return ir.Binary("<<", left, right)


def shift_right(left: Expr, right: Expr) -> ir.Binary:
    """``left >> right`` of integers (arithmetic if signed); 0 <= right < bits."""
    return ir.Binary(">>", left, right)


def minimum(left: Expr, right: Expr) -> ir.Binary:
    """The lesser of two values; not for floats that may be NaN."""
    return ir.Binary("min", left, right)


def maximum(left: Expr, right: Expr) -> ir.Binary:
    """The greater of two values; not for floats that may be NaN."""
    return ir.Binary("max", left, right)


def lt(left: Expr, right: Expr) -> ir.Compare:
    """``left < right``."""
    return ir.Compare("<", left, right)


def le(left: Expr, right: Expr) -> ir.Compare:
    """``left <= right``."""
    return ir.Compare("<=", left, right)


def gt(left: Expr, right: Expr) -> ir.Compare:
    """``left > right``."""
    return ir.Compare(">", left, right)


def ge(left: Expr, right: Expr) -> ir.Compare:
    """``left >= right``."""
    return ir.Compare(">=", left, right)


def eq(left: Expr, right: Expr) -> ir.Compare:
    """``left == right``."""
    return ir.Compare("==", left, right)


def ne(left: Expr, right: Expr) -> ir.Compare:
    """``left != right``."""
    return ir.Compare("!=", left, right)
