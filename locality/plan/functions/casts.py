"""Casts among the types that kernels compute with; casts from and to strings happen once per dictionary entry."""

from __future__ import annotations

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.plan.expressions import Cast
from locality.plan.functions.arithmetic import result_bounds
from locality.plan.functions.base import Scope, Value, as_double, as_integer, both
from locality.plan.intervals import INT64_MAX, INT64_MIN, Interval
from locality.types import DataType

#: Integers up to this magnitude are doubles exactly.
_EXACT_DOUBLE = 2**53
_MICROSECONDS_A_DAY = 86_400_000_000
#: DuckDB's infinities of dates and timestamps; arithmetic on them is DuckDB's business.
_FINITE_DAYS = Interval(-(2**31) + 2, 2**31 - 2)
_NUMBERS = frozenset({"BOOLEAN", "HUGEINT", "UHUGEINT"})


def emit_cast(scope: Scope, cast: Cast) -> Value:
    """The value of ``cast``; faults where the value does not fit, or NULL there if the cast is lenient."""
    source, target = cast.arg.type, cast.type
    value = scope.emit(cast.arg)
    if source == target:
        return value
    if _is_number(source) and _is_number(target):
        return _cast_number(scope, value, source, target, cast.lenient)
    if source.name == "DATE" and target.name == "TIMESTAMP":
        return _date_to_timestamp(value)
    raise Unsupported(f"cast from {source} to {target}")


def _is_number(dtype: DataType) -> bool:
    return dtype.is_integral or dtype.is_decimal or dtype.is_float or dtype.name in _NUMBERS


def _cast_number(scope: Scope, value: Value, source: DataType, target: DataType, lenient: bool) -> Value:
    if target.is_float:
        return _to_float(value, source, target)
    if value.is_float:
        raise Unsupported(f"cast from {source} to {target}")
    if target.name == "BOOLEAN":
        if source.is_decimal:
            raise Unsupported("cast from a decimal to BOOLEAN")
        return Value(b.ne(as_integer(value).expr, b.const_i64(0)), value.valid)
    return _fit(scope, _rescale(scope, as_integer(value), target.scale - source.scale), target, lenient)


def _rescale(scope: Scope, value: Value, digits: int) -> Value:
    """The unscaled value with ``digits`` more decimal places, or fewer, rounding half away from zero."""
    if digits == 0:
        return value
    power = 10 ** abs(digits)
    if power > INT64_MAX:
        raise Unsupported("decimals that differ by more than 18 places")
    if digits < 0:
        bounds = Interval(value.range.low // power, -(-value.range.high // power))
        return Value(b.call("round_div", value.expr, b.const_i64(power)), value.valid, bounds)
    scaled = value.range * Interval(power, power)
    if not scaled.fits_int64:
        limit = INT64_MAX // power
        too_large = b.or_(b.gt(value.expr, b.const_i64(limit)), b.lt(value.expr, b.const_i64(-limit)))
        scope.fault(too_large, value.valid)
    return Value(b.mul(value.expr, b.const_i64(power)), value.valid, scaled.clamp(INT64_MIN, INT64_MAX))


def _fit(scope: Scope, value: Value, target: DataType, lenient: bool) -> Value:
    allowed = result_bounds(target)
    if value.range.within(allowed.low, allowed.high):
        return value
    outside = b.or_(b.lt(value.expr, scope.integer(allowed.low)), b.gt(value.expr, scope.integer(allowed.high)))
    bounds = value.range.clamp(allowed.low, allowed.high)
    if lenient:
        return Value(value.expr, both(value.valid, b.not_(outside)), bounds)
    scope.fault(outside, value.valid)
    return Value(value.expr, value.valid, bounds)


def _to_float(value: Value, source: DataType, target: DataType) -> Value:
    scalar = Scalar.F32 if target.name == "FLOAT" else Scalar.F64
    if value.is_float:
        if scalar is Scalar.F32:
            raise Unsupported("cast from DOUBLE to FLOAT")
        return as_double(value)
    if not source.is_decimal or source.scale == 0:
        integer = as_integer(value)
        return Value(b.convert(integer.expr, scalar), integer.valid)
    if scalar is Scalar.F32:
        raise Unsupported("cast from a decimal to FLOAT")
    return Value(_decimal_to_double(value, source.scale), value.valid)


def _decimal_to_double(value: Value, scale: int) -> ir.Expr:
    """One division where the unscaled value is a double exactly, else whole and fraction apart: as DuckDB does."""
    power = b.const(float(10**scale), Scalar.F64)
    direct = b.div(b.convert(value.expr, Scalar.F64), power)
    if value.range.magnitude <= _EXACT_DOUBLE:
        return direct
    if 10**scale > INT64_MAX:
        raise Unsupported("cast of a wide decimal to DOUBLE")
    divisor = b.const_i64(10**scale)
    whole = b.convert(b.trunc_div(value.expr, divisor), Scalar.F64)
    fraction = b.div(b.convert(b.trunc_mod(value.expr, divisor), Scalar.F64), power)
    limit = b.const_i64(_EXACT_DOUBLE)
    inside = b.and_(b.le(value.expr, limit), b.ge(value.expr, b.const_i64(-_EXACT_DOUBLE)))
    return b.select(inside, direct, b.add(whole, fraction))


def _date_to_timestamp(value: Value) -> Value:
    if not value.range.within(_FINITE_DAYS.low, _FINITE_DAYS.high):
        raise Unsupported("infinite dates")
    bounds = value.range * Interval(_MICROSECONDS_A_DAY, _MICROSECONDS_A_DAY)
    if not bounds.fits_int64:
        raise Unsupported("dates beyond the range of timestamps")
    return Value(b.mul(value.expr, b.const_i64(_MICROSECONDS_A_DAY)), value.valid, bounds)


