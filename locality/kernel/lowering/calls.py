"""Calls: conversions, functions of Python and numpy that have a counterpart in LLVM, and functions of our own."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, Protocol

import numpy as np

from locality.kernel.ir import Array, Scalar, Type
from locality.kernel.lowering.emitter import parts
from locality.kernel.lowering.expressions import Expressions
from locality.kernel.lowering.intrinsics import INTRINSICS
from locality.kernel.lowering.syntax import constant_of, scalar_of
from locality.kernel.lowering.types import (
    BITS,
    NAMES,
    SIGNED,
    LoweringError,
    Operand,
    Value,
    View,
    common,
    itemsize,
    memory_name,
)

#: Functions of doubles.
_FUNCTIONS: dict[Callable[..., Any], str] = {
    np.sqrt: "llvm.sqrt.f64",
    np.exp: "llvm.exp.f64",
    np.log: "llvm.log.f64",
    np.log2: "llvm.log2.f64",
    np.log10: "llvm.log10.f64",
    np.sin: "llvm.sin.f64",
    np.cos: "llvm.cos.f64",
    np.tan: "tan",
    np.arctan: "atan",
    np.power: "llvm.pow.f64",
    np.fmod: "fmod",
    np.trunc: "llvm.trunc.f64",
    np.floor: "llvm.floor.f64",
    np.ceil: "llvm.ceil.f64",
    np.rint: "llvm.rint.f64",
    np.fabs: "llvm.fabs.f64",
    np.copysign: "llvm.copysign.f64",
}
#: Elements that an array of a function's own may have, all of them together: they lie on the stack.
_MOST_ELEMENTS = 1 << 14


class Functions(Protocol):
    """The functions of a module."""

    def instance(self, function: Callable[..., Any], types: tuple[Type, ...]) -> tuple[str, Scalar | None]:
        """The name and the result's type of a function of arguments of these types."""


class Calls(Expressions):
    """Lowers calls."""

    functions: Functions

    def call(self, node: ast.Call) -> Operand:
        """A call's result; that of a function without one is refused."""
        result = self.invoke(node)
        if result is None:
            raise LoweringError(f"{ast.unparse(node.func)} has no result")
        return result

    def invoke(self, node: ast.Call) -> Operand | None:
        """Calls a function."""
        if node.keywords:
            raise LoweringError("arguments by name")
        if isinstance(node.func, ast.Attribute) and not self._is_module(node.func.value):
            return self._method(self.operand(node.func.value), node.func.attr, node.args)
        callee = self.static(node.func)
        if (kind := scalar_of(callee)) is not None:
            return self.emitter.cast(self.value(*node.args), kind)
        if callee is len:
            return Value(self.view(*node.args).shape[0], Scalar.I64)
        if callee in (min, max):
            return self._extreme(callee is min, [self.value(arg) for arg in node.args])
        if callee is abs:
            return self._absolute(self.value(*node.args))
        if callee is np.empty:
            return self._empty(*node.args)
        if callee in _FUNCTIONS:
            return self._double(_FUNCTIONS[callee], [self.value(arg) for arg in node.args])
        if callee in INTRINSICS:
            return INTRINSICS[callee](self.emitter, [self.operand(arg) for arg in node.args])
        if isinstance(callee, FunctionType):
            return self._own(callee, [self.operand(arg) for arg in node.args])
        raise LoweringError(f"{ast.unparse(node.func)} has no counterpart in machine code")

    def _is_module(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and self.local(node.id) is None and node.id in self.scope

    def _own(self, function: Callable[..., Any], args: Sequence[Operand]) -> Value | None:
        name, result = self.functions.instance(function, tuple(arg.type for arg in args))
        text = f"@{name}({', '.join(part for arg in args for part in parts(arg))})"
        if result is None:
            self.emitter.do(f"call void {text}")
            return None
        return Value(self.emitter.op(f"call {NAMES[result]} {text}"), result)

    def _double(self, name: str, args: Sequence[Value]) -> Value:
        texts = [f"double {self.emitter.cast(arg, Scalar.F64).text}" for arg in args]
        return Value(self.emitter.op(f"call double @{name}({', '.join(texts)})"), Scalar.F64)

    def _extreme(self, least: bool, values: Sequence[Value]) -> Value:
        """As Python's: the first one, unless a later one is less (or greater)."""
        result, *rest = values
        for value in rest:
            kind = common(result.type, value.type)
            assert isinstance(kind, Scalar)
            new, old = self.emitter.cast(value, kind), self.emitter.cast(result, kind)
            better = self.emitter.compare("lt" if least else "gt", new.text, old.text, kind)
            result = self.emitter.select(better, new, old)
        return result

    def _absolute(self, value: Value) -> Value:
        if value.type.is_float:
            name = f"llvm.fabs.f{BITS[value.type]}"
            kind = NAMES[value.type]
            return Value(self.emitter.op(f"call {kind} @{name}({kind} {value.text})"), value.type)
        wide = self.emitter.cast(value, Scalar.I64 if value.type in SIGNED else Scalar.U64)
        if wide.type is Scalar.U64:
            return wide
        return Value(self.emitter.op(f"call i64 @llvm.abs.i64(i64 {wide.text}, i1 false)"), Scalar.I64)

    # Arrays.

    def _empty(self, size: ast.expr, dtype: ast.expr) -> View:
        count, kind = constant_of(self.static(size)), scalar_of(self.static(dtype))
        if kind is None or not 0 < int(count.text) <= _MOST_ELEMENTS:
            raise LoweringError(f"{ast.unparse(size)} elements of {ast.unparse(dtype)} on the stack")
        return View(self.emitter.slot(memory_name(kind), int(count.text)), (count.text,), Array(kind))

    def _method(self, owner: Operand, name: str, args: Sequence[ast.expr]) -> Operand:
        match owner, name, args:
            case View(data, _, Array(element)), "reshape", [size]:
                return View(data, (self.emitter.cast(self.value(size), Scalar.I64).text,), Array(element))
            case _, "view", [dtype] if (kind := scalar_of(self.static(dtype))) is not None:
                return self._seen_as(owner, kind)
        raise LoweringError(f"the method {name}")

    def _seen_as(self, owner: Operand, kind: Scalar) -> Operand:
        """The same bits as another type."""
        if isinstance(owner, Value):
            if BITS[owner.type] != BITS[kind]:
                raise LoweringError(f"{owner.type.value} seen as {kind.value}")
            return Value(self.emitter.op(f"bitcast {NAMES[owner.type]} {owner.text} to {NAMES[kind]}"), kind)
        [length] = owner.shape
        size = self.emitter.op(f"mul nsw i64 {length}, {itemsize(owner.type.element)}")
        return View(owner.data, (self.emitter.op(f"udiv i64 {size}, {itemsize(kind)}"),), Array(kind))
