"""Checks a kernel before it is printed: types, definitions, and calls of primitives."""

from __future__ import annotations

import keyword

from locality.kernel import ir
from locality.kernel.ir import Array, Expr, Scalar, Stmt, Type, Var
from locality.kernel.primitives import PRIMITIVES

_ARITHMETIC = frozenset({"+", "-", "*", "min", "max"})
_INTEGRAL = frozenset({"//", "%", "<<", ">>"})
_BITWISE = frozenset({"&", "|", "^"})
_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})
_RESERVED = {scalar.value for scalar in Scalar} | {"empty", "inf", "nan", "min", "max", "range", "jit", "kernel"}
_UPDATES = frozenset({"+", "|", "&", "^", "min", "max"})


class VerificationError(Exception):
    """A kernel breaks a rule of the loop IR: an error in the code that built it, never in a user's query."""


def verify(function: ir.Function) -> None:
    """Raises :class:`VerificationError`, naming the path of the statement, unless ``function`` keeps every rule."""
    _Verifier(function).run()


class _Verifier:
    def __init__(self, function: ir.Function) -> None:
        self._function = function
        self._path = "parameters"
        self._scope: dict[str, Type] = {}
        self._names: dict[str, Type] = {}
        self._frozen: set[str] = set()

    def run(self) -> None:
        for parameter in self._function.parameters:
            self._define(parameter, frozen=True)
        self._body(self._function.body, "body", loops=0)
        if self._function.result is not None:
            self._path = "result"
            self._scalar(self._function.result)

    def _check(self, holds: bool, message: str) -> None:
        if not holds:
            raise VerificationError(f"{self._path}: {message}")

    def _define(self, var: Var, frozen: bool = False) -> None:
        self._check(var.name.isidentifier() and not keyword.iskeyword(var.name), f"{var.name!r} is not a name")
        self._check(var.name not in _RESERVED and var.name not in PRIMITIVES, f"{var.name} means something else")
        self._check(var.name not in self._names, f"{var.name} is defined twice")
        self._names[var.name] = self._scope[var.name] = var.type
        if frozen:
            self._frozen.add(var.name)

    def _body(self, body: tuple[Stmt, ...], path: str, loops: int) -> None:
        for position, stmt in enumerate(body):
            here = f"{path}[{position}]"
            self._path = f"{here} {type(stmt).__name__}"
            self._stmt(stmt, here, loops)

    def _nested(self, body: tuple[Stmt, ...], path: str, loops: int) -> None:
        """A body that may not run: what it defines ends with it."""
        scope = dict(self._scope)
        self._body(body, path, loops)
        self._scope = scope

    def _stmt(self, stmt: Stmt, path: str, loops: int) -> None:
        match stmt:
            case ir.Assign(target, value):
                self._assign(target, value)
            case ir.Store(array, indices, value):
                self._same(self._element(array, indices), self._scalar(value))
            case ir.Update(op, array, indices, value):
                element = self._element(array, indices)
                self._check(op in _UPDATES, f"there is no update {op!r}")
                self._operator(op, element)
                self._same(element, self._scalar(value))
            case ir.Allocate(target, length):
                self._check(isinstance(target.type, Array) and target.type.ndim == 1, "not a one-dimensional array")
                self._check(length >= 0, f"length is {length}")
                self._define(target, frozen=True)
            case ir.Slice(target, array, start, stop):
                self._array(array)
                self._check(target.type == array.type, f"{target.name} is {target.type}, its array {array.type}")
                self._index(start)
                self._index(stop)
                self._define(target) if target.name not in self._scope else self._reassign(target)
            case ir.For():
                self._for(stmt, path, loops)
            case ir.If(condition, then, otherwise):
                self._check(self._scalar(condition) is Scalar.BOOL, "the condition is not BOOL")
                self._nested(then, f"{path}.then", loops)
                self._nested(otherwise, f"{path}.otherwise", loops)
            case ir.Continue():
                self._check(loops > 0, "outside a loop")
            case ir.Evaluate(call):
                self._expr(call)

    def _assign(self, target: Var, value: Expr) -> None:
        self._check(isinstance(target.type, Scalar), f"{target.name} is an array")
        self._same(target.type, self._scalar(value))
        if target.name in self._scope:
            self._reassign(target)
        else:
            self._define(target)

    def _reassign(self, target: Var) -> None:
        self._check(target.name not in self._frozen, f"{target.name} must not be assigned to")
        self._same(self._scope[target.name], target.type)

    def _for(self, loop: ir.For, path: str, loops: int) -> None:
        self._index(loop.start)
        self._index(loop.stop)
        self._check(loop.counter.type is Scalar.I64, f"the counter {loop.counter.name} is not I64")
        self._check(loop.step > 0, f"the step is {loop.step}")
        scope = dict(self._scope)
        self._define(loop.counter, frozen=True)
        self._body(loop.body, f"{path}.body", loops + 1)
        self._scope = scope

    # Expressions; each returns the type it found.

    def _same(self, left: Type, right: Type) -> None:
        self._check(left == right, f"{_name(left)} beside {_name(right)}")

    def _scalar(self, expr: Expr) -> Scalar:
        found = self._expr(expr)
        if not isinstance(found, Scalar):
            raise VerificationError(f"{self._path}: an array where a scalar is needed")
        return found

    def _index(self, expr: Expr) -> None:
        found = self._scalar(expr)
        self._check(found is Scalar.I64, f"a position of type {found.name}, not I64")

    def _array(self, array: Var) -> Array:
        found = self._expr(array)
        if not isinstance(found, Array):
            raise VerificationError(f"{self._path}: {array.name} is not an array")
        return found

    def _element(self, array: Var, indices: tuple[Expr, ...]) -> Scalar:
        found = self._array(array)
        self._check(len(indices) == found.ndim, f"{len(indices)} indices of {array.name}, which has {found.ndim}")
        for index in indices:
            self._index(index)
        return found.element

    def _expr(self, expr: Expr) -> Type:
        match expr:
            case Var(name, type):
                self._check(name in self._scope, f"{name} is not defined here")
                self._same(self._scope[name], type)
            case ir.Const(value, type):
                self._constant(value, type)
            case ir.Binary(op, left, right):
                operand = self._scalar(left)
                self._same(operand, self._scalar(right))
                self._operator(op, operand)
            case ir.Compare(op, left, right):
                self._check(op in _COMPARISONS, f"there is no comparison {op!r}")
                self._same(self._scalar(left), self._scalar(right))
            case ir.Not(arg):
                self._check(self._scalar(arg) is Scalar.BOOL, "negation of something that is not BOOL")
            case ir.Convert(arg, type):
                self._check(isinstance(type, Scalar), "conversion to an array")
                self._scalar(arg)
            case ir.Select(condition, then, otherwise):
                self._check(self._scalar(condition) is Scalar.BOOL, "the condition is not BOOL")
                self._same(self._scalar(then), self._scalar(otherwise))
            case ir.Load(array, indices):
                self._element(array, indices)
            case ir.Call(name, args, type):
                self._call(name, tuple(self._expr(arg) for arg in args), type)
        return expr.type

    def _constant(self, value: int | float | bool, scalar: Scalar) -> None:
        self._check(isinstance(scalar, Scalar), "a constant array")
        if scalar is Scalar.BOOL:
            self._check(isinstance(value, bool), f"{value!r} is not BOOL")
        elif not scalar.is_float:
            self._check(_holds(value, scalar), f"{value!r} is not {scalar.name}")

    def _operator(self, op: str, scalar: Scalar) -> None:
        if scalar is Scalar.BOOL:
            allowed = _BITWISE
        elif scalar.is_float:
            allowed = _ARITHMETIC | {"/"}
        else:
            allowed = _ARITHMETIC | _INTEGRAL | _BITWISE
        self._check(op in allowed, f"there is no {op!r} of {scalar.name}")

    def _call(self, name: str, arguments: tuple[Type, ...], declared: Type) -> None:
        self._check(name in PRIMITIVES, f"there is no primitive {name}")
        try:
            result = PRIMITIVES[name].result_type(arguments)
        except TypeError as error:
            raise VerificationError(f"{self._path}: {error}") from None
        self._check(result is declared, f"{name} returns {result.name}, not {_name(declared)}")


def _holds(value: int | float | bool, scalar: Scalar) -> bool:
    """Whether ``value`` is an integer in the range of the integer type ``scalar``."""
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    bits = int("".join(c for c in scalar.value if c.isdigit()))
    if scalar.value.startswith("u"):
        return 0 <= value < 1 << bits
    return -(1 << bits - 1) <= value < 1 << bits - 1


def _name(found: Type) -> str:
    return found.name if isinstance(found, Scalar) else f"array of {found.element.name} with {found.ndim} dimensions"
