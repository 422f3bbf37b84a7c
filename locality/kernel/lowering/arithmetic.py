"""Operators over scalars of any types."""

from __future__ import annotations

import ast

from locality.kernel.ir import Scalar
from locality.kernel.lowering.emitter import Emitter, constant
from locality.kernel.lowering.types import NAMES, SIGNED, LoweringError, Value, arithmetic, common

_INTEGERS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul"}
_FLOATS = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
_BITWISE = {ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor"}
_COMPARISONS = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}


def apply(emitter: Emitter, op: ast.operator, left: Value, right: Value) -> Value:
    """``left op right``."""
    operator = type(op)
    match op:
        case ast.BitAnd() | ast.BitOr() | ast.BitXor() if left.type is right.type is Scalar.BOOL:
            kind = Scalar.BOOL
        case ast.LShift() | ast.RShift():
            kind = arithmetic(left.type, left.type)
        case ast.Div() if not left.type.is_float and not right.type.is_float:
            kind = Scalar.F64
        case _:
            kind = arithmetic(left.type, right.type)
    name, a, b = NAMES[kind], emitter.cast(left, kind).text, emitter.cast(right, kind).text
    if kind.is_float:
        if operator not in _FLOATS:
            raise LoweringError(f"{operator.__name__} of floats")
        return Value(emitter.op(f"{_FLOATS[operator]} {name} {a}, {b}"), kind)
    if operator in _INTEGERS:
        flag = "nsw " if kind in SIGNED else ""
        return Value(emitter.op(f"{_INTEGERS[operator]} {flag}{name} {a}, {b}"), kind)
    if operator in _BITWISE:
        return Value(emitter.op(f"{_BITWISE[operator]} {name} {a}, {b}"), kind)
    match op:
        case ast.LShift() | ast.RShift():
            return Value(_shift(emitter, isinstance(op, ast.LShift), a, b, kind), kind)
        case ast.FloorDiv() | ast.Mod():
            divide = _divide if kind in SIGNED else _divide_unsigned
            return Value(divide(emitter, isinstance(op, ast.Mod), a, b), kind)
    raise LoweringError(f"the operator {operator.__name__}")


def negated(emitter: Emitter, value: Value) -> Value:
    """``-value``."""
    if value.type.is_float:
        return Value(emitter.op(f"fneg {NAMES[value.type]} {value.text}"), value.type)
    if value.text.isdigit() and value.type in SIGNED:
        return constant(-int(value.text), value.type)
    return apply(emitter, ast.Sub(), constant(0, value.type), value)


def compared(emitter: Emitter, op: ast.cmpop, left: Value, right: Value) -> str:
    """``left op right`` by value, whatever the types, as an i1."""
    name = _COMPARISONS.get(type(op))
    if name is None:
        raise LoweringError(f"the comparison {type(op).__name__}")
    mixed = (left.type in SIGNED) != (right.type in SIGNED) and not (left.type.is_float or right.type.is_float)
    if mixed and Scalar.U64 in (left.type, right.type):
        return _compared_with_unsigned(emitter, name, left, right)
    kind = common(left.type, right.type)
    assert isinstance(kind, Scalar)
    return emitter.compare(name, emitter.cast(left, kind).text, emitter.cast(right, kind).text, kind)


def _compared_with_unsigned(emitter: Emitter, name: str, left: Value, right: Value) -> str:
    """A signed number beside a U64: a negative one is less than any other."""
    a, b = emitter.cast(left, Scalar.I64).text, emitter.cast(right, Scalar.I64).text
    plain = emitter.compare(name, a, b, Scalar.U64)
    signed, true_if_negative = (a, ("lt", "le", "ne")) if left.type in SIGNED else (b, ("gt", "ge", "ne"))
    negative = emitter.compare("lt", signed, "0", Scalar.I64)
    if name in true_if_negative:
        return emitter.op(f"or i1 {negative}, {plain}")
    return emitter.op(f"select i1 {negative}, i1 false, i1 {plain}")


def _shift(emitter: Emitter, is_left: bool, a: str, b: str, kind: Scalar) -> str:
    """By any number of bits: what the machine does beyond 63 depends on the machine."""
    if kind in SIGNED and not is_left:
        return emitter.op(f"ashr i64 {a}, {emitter.op(f'call i64 @llvm.umin.i64(i64 {b}, i64 63)')}")
    shifted = emitter.op(f"{'shl' if is_left else 'lshr'} i64 {a}, {b}")
    return emitter.op(f"select i1 {emitter.op(f'icmp ult i64 {b}, 64')}, i64 {shifted}, i64 0")


def _divide_unsigned(emitter: Emitter, remainder: bool, a: str, b: str) -> str:
    """0 by a divisor of 0."""
    op = "urem" if remainder else "udiv"
    if _is_positive(b):
        return emitter.op(f"{op} i64 {a}, {b}")
    invalid = emitter.op(f"icmp eq i64 {b}, 0")
    divisor = emitter.op(f"select i1 {invalid}, i64 1, i64 {b}")
    return emitter.op(f"select i1 {invalid}, i64 0, i64 {emitter.op(f'{op} i64 {a}, {divisor}')}")


def _divide(emitter: Emitter, remainder: bool, a: str, b: str) -> str:
    """Rounded down; 0 where the machine would raise a signal: by a divisor of 0, and the least number by -1."""
    if _is_positive(b):
        return _divide_down(emitter, remainder, a, b)
    is_zero, is_least = emitter.op(f"icmp eq i64 {b}, 0"), emitter.op(f"icmp eq i64 {a}, {-(2**63)}")
    overflows = emitter.op(f"and i1 {is_least}, {emitter.op(f'icmp eq i64 {b}, -1')}")
    invalid = emitter.op(f"or i1 {is_zero}, {overflows}")
    divisor = emitter.op(f"select i1 {invalid}, i64 1, i64 {b}")
    return emitter.op(f"select i1 {invalid}, i64 0, i64 {_divide_down(emitter, remainder, a, divisor)}")


def _divide_down(emitter: Emitter, remainder: bool, a: str, b: str) -> str:
    rest = emitter.op(f"srem i64 {a}, {b}")
    differs = emitter.op(f"icmp slt i64 {emitter.op(f'xor i64 {rest}, {b}')}, 0")
    is_below = emitter.op(f"and i1 {emitter.op(f'icmp ne i64 {rest}, 0')}, {differs}")
    if remainder:
        return emitter.op(f"select i1 {is_below}, i64 {emitter.op(f'add i64 {rest}, {b}')}, i64 {rest}")
    quotient = emitter.op(f"sdiv i64 {a}, {b}")
    return emitter.op(f"add i64 {quotient}, {emitter.op(f'sext i1 {is_below} to i64')}")


def _is_positive(text: str) -> bool:
    """Whether a divisor is a constant that makes no trouble."""
    return text.isdigit() and int(text) > 0
