"""Casts from floats: to integers, decimals, booleans and narrower floats."""

from __future__ import annotations

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.plan.functions.base import Scope, Value, as_double, both
from locality.plan.intervals import INT64_MAX, INT64_MIN, Interval
from locality.types import DataType

#: Ten to this power and less are doubles exactly, and fit 64 bits.
_MOST_DIGITS = 18


def cast_float(scope: Scope, value: Value, target: DataType, lenient: bool) -> Value:
    """A float as ``target``: what does not fit faults, or becomes NULL if the cast is lenient."""
    if target.name == "BOOLEAN":
        number = as_double(value)
        return Value(b.ne(number.expr, b.const(0.0, Scalar.F64)), value.valid)
    if target.is_decimal:
        return _to_decimal(scope, value, target, lenient)
    if target.is_integral or target.name == "HUGEINT":
        return _to_integer(scope, value, target, lenient)
    raise Unsupported(f"cast from a float to {target}")


def narrow(scope: Scope, value: Value, lenient: bool) -> Value:
    """A DOUBLE as FLOAT; finite values beyond its range do not fit."""
    wide = scope.share(value.expr)
    narrowed = scope.share(b.convert(wide, Scalar.F32))
    again = b.convert(narrowed, Scalar.F64)
    infinite = b.ne(b.sub(again, again), b.const(0.0, Scalar.F64))
    finite = b.eq(b.sub(wide, wide), b.const(0.0, Scalar.F64))
    return _fit(scope, Value(narrowed, value.valid), b.and_(infinite, finite), lenient)


def _to_integer(scope: Scope, value: Value, target: DataType, lenient: bool) -> Value:
    """The nearest integer, halves to the even one."""
    low, high = target.bounds if target.is_integral else (INT64_MIN, INT64_MAX)
    if (lenient and high > INT64_MAX) or (lenient and target.name == "HUGEINT"):
        raise Unsupported(f"TRY_CAST from a float to {target}")
    rounded = scope.share(b.call("round_half_even", as_double(value).expr))
    return _to_int64(scope, rounded, value.valid, Interval(low, min(high, INT64_MAX)), lenient)


def _to_decimal(scope: Scope, value: Value, target: DataType, lenient: bool) -> Value:
    """The scaled value rounded to an integer, halves away from zero."""
    if target.scale > _MOST_DIGITS or (lenient and target.width > _MOST_DIGITS):
        raise Unsupported(f"cast from a float to {target}")
    scaled = b.mul(as_double(value).expr, b.const(float(10**target.scale), Scalar.F64))
    rounded = scope.share(b.call("round_half_away", scaled))
    low, high = target.bounds
    return _to_int64(scope, rounded, value.valid, Interval(low, high).clamp(INT64_MIN, INT64_MAX), lenient)


def _to_int64(scope: Scope, whole: ir.Expr, valid: ir.Expr | None, allowed: Interval, lenient: bool) -> Value:
    """A whole float within ``allowed`` as I64; NaN is not."""
    least, beyond = (b.const(float(n), Scalar.F64) for n in (allowed.low, allowed.high + 1))
    outside = scope.share(b.not_(b.and_(b.ge(whole, least), b.lt(whole, beyond))))
    number = b.convert(b.select(outside, b.const(0.0, Scalar.F64), whole), Scalar.I64)
    return _fit(scope, Value(number, valid, allowed | Interval(0, 0)), outside, lenient)


def _fit(scope: Scope, value: Value, outside: ir.Expr, lenient: bool) -> Value:
    if lenient:
        return Value(value.expr, both(value.valid, b.not_(outside)), value.bounds)
    scope.fault(outside, value.valid)
    return value
