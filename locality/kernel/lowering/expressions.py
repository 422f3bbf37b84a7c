"""Expressions: arithmetic, comparisons, conditions, elements and slices."""

from __future__ import annotations

import ast
import builtins
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from locality.kernel.ir import Scalar
from locality.kernel.lowering.arithmetic import apply, compared, negated
from locality.kernel.lowering.emitter import Emitter
from locality.kernel.lowering.syntax import constant_of
from locality.kernel.lowering.types import SIGNED, LoweringError, Operand, Value, View, common, memory_name


class Expressions(ABC):
    """Lowers expressions of one function to the statements of an emitter."""

    def __init__(self, emitter: Emitter, scope: Mapping[str, Any]) -> None:
        """``scope``: what names mean that are not the function's own."""
        self.emitter = emitter
        self.scope = scope
        self.counters: set[str] = set()

    @abstractmethod
    def local(self, name: str) -> Operand | None:
        """The value of a name of the function's own; None if it is none."""

    @abstractmethod
    def assign(self, name: str, operand: Operand) -> None:
        """Gives a name of the function's own a value, and a type that holds all that it is given."""

    @abstractmethod
    def call(self, node: ast.Call) -> Operand:
        """A function's result."""

    # Values.

    def operand(self, node: ast.expr) -> Operand:
        """Any expression."""
        match node:
            case ast.Constant(bool() | int() | float() as value):
                return constant_of(value)
            case ast.Name(name):
                local = self.local(name)
                return constant_of(self.static(node)) if local is None else local
            case ast.BinOp():
                return self._binary(node)
            case ast.UnaryOp(ast.USub(), operand):
                return negated(self.emitter, self.value(operand))
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(ast.Not()):
                return Value(self.condition(node), Scalar.BOOL)
            case ast.IfExp():
                return self._either(node)
            case ast.Call():
                return self.call(node)
            case ast.Subscript(_, ast.Slice() as part):
                return self._slice(self.view(node.value), part)
            case ast.Subscript(ast.Attribute(array, "shape"), position):
                return Value(self.view(array).shape[int(constant_of(self.static(position)).text)], Scalar.I64)
            case ast.Subscript():
                kind, address = self.element(node)
                return self.emitter.load(kind, address)
            case ast.Attribute(array, "size") if self._is_view(array):
                return self._size(self.view(array))
            case ast.Attribute():
                return constant_of(self.static(node))
        raise LoweringError(f"a {type(node).__name__}")

    def value(self, node: ast.expr) -> Value:
        """A scalar."""
        operand = self.operand(node)
        if isinstance(operand, View):
            raise LoweringError("an array in place of a scalar")
        return operand

    def view(self, node: ast.expr) -> View:
        """An array."""
        operand = self.operand(node)
        if isinstance(operand, Value):
            raise LoweringError("a scalar in place of an array")
        return operand

    def static(self, node: ast.expr) -> Any:
        """What a name of the module, or of one that it imports, stands for."""
        match node:
            case ast.Constant(value):
                return value
            case ast.Name(name) if name in self.scope:
                return self.scope[name]
            case ast.Name(name) if hasattr(builtins, name):
                return getattr(builtins, name)
            case ast.Attribute(owner, name):
                return getattr(self.static(owner), name)
        raise LoweringError(f"{ast.unparse(node)} is not known here")

    # Arithmetic.

    def _binary(self, node: ast.BinOp) -> Value:
        """A chain of operators on the left is walked, not descended: printed kernels have long ones."""
        chain: list[ast.BinOp] = []
        first: ast.expr = node
        while isinstance(first, ast.BinOp):
            chain.append(first)
            first = first.left
        result = self.value(first)
        for link in reversed(chain):
            result = apply(self.emitter, link.op, result, self.value(link.right))
        return result

    # Conditions.

    def condition(self, node: ast.expr) -> str:
        """Whether an expression is true, as an i1."""
        match node:
            case ast.BoolOp() if not all(_is_simple(part) for part in node.values[1:]):
                return self._shortcut(node)
            case ast.BoolOp(op, values):
                result, *rest = (self.condition(value) for value in values)
                for part in rest:
                    result = self.emitter.op(f"{'and' if isinstance(op, ast.And) else 'or'} i1 {result}, {part}")
                return result
            case ast.UnaryOp(ast.Not(), operand):
                return self.emitter.op(f"xor i1 {self.condition(operand)}, true")
            case ast.Compare(left, ops, comparators):
                return self._compared(left, ops, comparators)
        return self.emitter.cast(self.value(node), Scalar.BOOL).text

    def branch(self, node: ast.expr, then: str, otherwise: str) -> None:
        """Ends the block by a condition, which is evaluated as far as need be."""
        match node:
            case ast.Constant(value):
                self.emitter.jump(then if value else otherwise)
            case ast.UnaryOp(ast.Not(), operand):
                self.branch(operand, otherwise, then)
            case ast.BoolOp(op, [*first, last]):
                for part in first:
                    after = self.emitter.label()
                    self.branch(part, *((after, otherwise) if isinstance(op, ast.And) else (then, after)))
                    self.emitter.place(after)
                self.branch(last, then, otherwise)
            case _:
                self.emitter.branch(self.condition(node), then, otherwise)

    def _shortcut(self, node: ast.BoolOp) -> str:
        """The same for what is evaluated only if need be."""
        slot = self.emitter.slot("i1")
        yes, no, done = (self.emitter.label() for _ in range(3))
        self.branch(node, yes, no)
        for label, value in ((yes, "true"), (no, "false")):
            self.emitter.place(label)
            self.emitter.do(f"store i1 {value}, ptr {slot}")
            self.emitter.jump(done)
        self.emitter.place(done)
        return self.emitter.op(f"load i1, ptr {slot}")

    def _compared(self, first: ast.expr, ops: Sequence[ast.cmpop], rest: Sequence[ast.expr]) -> str:
        if not all(_is_simple(node) for node in rest[1:]):
            raise LoweringError("a chain of comparisons whose later parts are more than arithmetic")
        left, result = self.value(first), ""
        for op, node in zip(ops, rest, strict=True):
            right = self.value(node)
            part = compared(self.emitter, op, left, right)
            result = self.emitter.op(f"and i1 {result}, {part}") if result else part
            left = right
        return result

    def _either(self, node: ast.IfExp) -> Operand:
        """A conditional expression; those that follow one another as the last branch are walked, not descended."""
        name = f"either {node.lineno} {node.col_offset}"
        done = self.emitter.label()
        last: ast.expr = node
        while isinstance(last, ast.IfExp) and not (_is_simple(last.body) and _is_simple(last.orelse)):
            then, otherwise = self.emitter.label(), self.emitter.label()
            self.branch(last.test, then, otherwise)
            self.emitter.place(then)
            self.assign(name, self.operand(last.body))
            self.emitter.jump(done)
            self.emitter.place(otherwise)
            last = last.orelse
        value = self._selected(last) if isinstance(last, ast.IfExp) else self.operand(last)
        if last is node:
            return value
        self.assign(name, value)
        self.emitter.place(done)
        result = self.local(name)
        assert result is not None
        return result

    def _selected(self, node: ast.IfExp) -> Value:
        condition, then, otherwise = self.condition(node.test), self.value(node.body), self.value(node.orelse)
        kind = common(then.type, otherwise.type)
        assert isinstance(kind, Scalar)
        return self.emitter.select(condition, self.emitter.cast(then, kind), self.emitter.cast(otherwise, kind))

    # Arrays.

    def element(self, node: ast.Subscript) -> tuple[Scalar, str]:
        """The type and the address of an element."""
        array = self.view(node.value)
        indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if len(indices) != array.type.ndim:
            raise LoweringError(f"{len(indices)} indices of {array.type.ndim} dimensions")
        place = self._position(indices[0], array.shape[0])
        for index, length in zip(indices[1:], array.shape[1:], strict=True):
            position = self._position(index, length)
            place = self.emitter.op(f"mul nsw i64 {place}, {length}")
            place = self.emitter.op(f"add nsw i64 {place}, {position}")
        return array.type.element, self._address(array, place)

    def _address(self, array: View, position: str) -> str:
        """The address of a position in the order of memory."""
        kind = memory_name(array.type.element)
        return self.emitter.op(f"getelementptr inbounds {kind}, ptr {array.data}, i64 {position}")

    def _position(self, node: ast.expr, length: str) -> str:
        """An index as an i64; one that may be negative counts from the end."""
        value = self.value(node)
        position = self.emitter.cast(value, Scalar.I64).text
        if value.type not in SIGNED or self._is_never_negative(node):
            return position
        negative = self.emitter.op(f"icmp slt i64 {position}, 0")
        return self.emitter.op(
            f"select i1 {negative}, i64 {self.emitter.op(f'add nsw i64 {position}, {length}')}, i64 {position}"
        )

    def _is_never_negative(self, node: ast.expr) -> bool:
        match node:
            case ast.Constant(value):
                return isinstance(value, int) and value >= 0
            case ast.Name(name):
                return name in self.counters
            case ast.BinOp(left, ast.Add() | ast.Mult(), right):
                return self._is_never_negative(left) and self._is_never_negative(right)
            case ast.Call(ast.Name("len")):
                return True
        return False

    def _slice(self, array: View, part: ast.Slice) -> View:
        """Consecutive elements of the first dimension, as many as there are between the bounds."""
        if part.step is not None:
            raise LoweringError("a slice with a step")
        length = array.shape[0]
        start = "0" if part.lower is None else self._bound(part.lower, length)
        stop = length if part.upper is None else self._bound(part.upper, length)
        rows = self._call_integers("smax", self.emitter.op(f"sub nsw i64 {stop}, {start}"), "0")
        first = start
        for inner in array.shape[1:]:
            first = self.emitter.op(f"mul nsw i64 {first}, {inner}")
        return View(self._address(array, first), (rows, *array.shape[1:]), array.type)

    def _bound(self, node: ast.expr, length: str) -> str:
        position = self._position(node, length)
        if not self._is_never_negative(node):
            position = self._call_integers("smax", position, "0")
        return self._call_integers("smin", position, length)

    def _call_integers(self, name: str, left: str, right: str) -> str:
        return self.emitter.op(f"call i64 @llvm.{name}.i64(i64 {left}, i64 {right})")

    def _size(self, array: View) -> Value:
        size, *rest = array.shape
        for length in rest:
            size = self.emitter.op(f"mul nsw i64 {size}, {length}")
        return Value(size, Scalar.I64)

    def _is_view(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and isinstance(self.local(node.id), View)


def _is_simple(node: ast.expr) -> bool:
    """Whether it does no harm, and costs next to nothing, to evaluate an expression that is not needed."""
    match node:
        case ast.Name() | ast.Constant() | ast.Attribute():
            return True
        case ast.BinOp(left, op, right):
            return not isinstance(op, ast.FloorDiv | ast.Mod) and _is_simple(left) and _is_simple(right)
        case ast.UnaryOp(_, operand):
            return _is_simple(operand)
        case ast.Compare(left, _, rest):
            return all(_is_simple(part) for part in (left, *rest))
    return False
