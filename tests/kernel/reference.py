"""An independent evaluator of IR expressions, over Python integers and floats, for one row of input arrays."""

from __future__ import annotations

import math
import struct

from locality.kernel import ir
from locality.kernel.ir import Expr, Scalar

Number = int | float | bool

BITS = {
    Scalar.I8: 8, Scalar.I16: 16, Scalar.I32: 32, Scalar.I64: 64,
    Scalar.U8: 8, Scalar.U16: 16, Scalar.U32: 32, Scalar.U64: 64,
}  # fmt: skip


def wrap(value: int, scalar: Scalar) -> int:
    bits = BITS[scalar]
    value %= 1 << bits
    if scalar.value.startswith("int") and value >= 1 << bits - 1:
        value -= 1 << bits
    return value


def narrow(value: Number, scalar: Scalar) -> Number:
    """A mathematical result as a value of ``scalar``."""
    if scalar is Scalar.BOOL:
        return bool(value)
    if scalar is Scalar.F64:
        return float(value)
    if scalar is Scalar.F32:
        if isinstance(value, int) or math.isnan(value) or math.isinf(value):
            value = float(value)
        try:
            return struct.unpack("f", struct.pack("f", value))[0]
        except OverflowError:
            return math.copysign(math.inf, value)
    return wrap(math.trunc(value), scalar)


def evaluate(expr: Expr, row: dict[str, Number]) -> Number:
    """The value of ``expr`` where a Load of array ``name`` gives ``row[name]``, as does a variable."""
    match expr:
        case ir.Var(name):
            return row[name]
        case ir.Const(value, scalar):
            return narrow(value, scalar)
        case ir.Load(array):
            return row[array.name]
        case ir.Not(arg):
            return not evaluate(arg, row)
        case ir.Convert(arg, scalar):
            return narrow(evaluate(arg, row), scalar)
        case ir.Select(condition, then, otherwise):
            return evaluate(then if evaluate(condition, row) else otherwise, row)
        case ir.Compare(op, left, right):
            return compare(op, evaluate(left, row), evaluate(right, row))
        case ir.Binary(op, left, right):
            assert isinstance(expr.type, Scalar)
            return narrow(binary(op, evaluate(left, row), evaluate(right, row)), expr.type)
    raise AssertionError(expr)


def compare(op: str, a: Number, b: Number) -> bool:
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[op]


def binary(op: str, a: Number, b: Number) -> Number:
    match op:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            if b == 0:
                sign = math.copysign(1, a) * math.copysign(1, b)
                return math.nan if a == 0 or math.isnan(a) else sign * math.inf
            return a / b
        case "min":
            return min(a, b)
        case "max":
            return max(a, b)
    assert isinstance(a, int)
    assert isinstance(b, int)
    match op:
        case "//":
            return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        case "%":
            return a - b * (abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1))
        case "&":
            return a & b
        case "|":
            return a | b
        case "^":
            return a ^ b
        case "<<":
            return a << b
        case ">>":
            return a >> b
    raise AssertionError(op)
