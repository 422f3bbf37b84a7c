"""Casts among the types that kernels compute with; casts from and to strings happen once per dictionary entry."""

from __future__ import annotations

from dataclasses import replace

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.plan import lanes
from locality.plan.expressions import Cast
from locality.plan.functions.arithmetic import result_bounds
from locality.plan.functions.base import Scope, Value, as_double, as_integer, both, check_range
from locality.plan.functions.float_casts import cast_float, narrow
from locality.plan.functions.temporal_casts import cast_temporal, is_temporal_cast
from locality.plan.intervals import INT64_MAX, INT64_MIN, Interval
from locality.types import DataType

#: Integers up to this magnitude are doubles exactly.
_EXACT_DOUBLE = 2**53
_MOST_DIGITS_OF_64_BITS = 18
_NUMBERS = frozenset({"BOOLEAN", "HUGEINT", "UHUGEINT"})


def emit_cast(scope: Scope, cast: Cast) -> Value:
    """The value of ``cast``; faults where the value does not fit, or NULL there if the cast is lenient."""
    source, target = cast.arg.type, cast.type
    value = scope.emit(cast.arg)
    if source == target:
        return value
    if _is_number(source) and _is_number(target):
        return _cast_number(scope, value, source, target, cast.lenient)
    if is_temporal_cast(source, target):
        return cast_temporal(scope, value, source, target)
    raise Unsupported(f"cast from {source} to {target}")


def _is_number(dtype: DataType) -> bool:
    return dtype.is_integral or dtype.is_decimal or dtype.is_float or dtype.name in _NUMBERS


def _cast_number(scope: Scope, value: Value, source: DataType, target: DataType, lenient: bool) -> Value:
    if target.is_float:
        return _to_float(scope, value, source, target, lenient)
    if value.is_float:
        return cast_float(scope, value, target, lenient)
    if target.name == "BOOLEAN":
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
    expr = lanes.arithmetic("*", value.expr, b.const_i64(power), value.range, Interval(power, power))
    return Value(expr, value.valid, scaled.clamp(INT64_MIN, INT64_MAX))


def _fit(scope: Scope, value: Value, target: DataType, lenient: bool) -> Value:
    allowed = result_bounds(target)
    if not lenient or value.range.within(allowed.low, allowed.high):
        return check_range(scope, value, allowed.low, allowed.high)
    expr = scope.share(value.expr)
    inside = b.and_(b.ge(expr, scope.integer(allowed.low)), b.le(expr, scope.integer(allowed.high)))
    return Value(expr, both(value.valid, inside), value.range.clamp(allowed.low, allowed.high))


def _to_float(scope: Scope, value: Value, source: DataType, target: DataType, lenient: bool) -> Value:
    scalar = Scalar.F32 if target.name == "FLOAT" else Scalar.F64
    if value.is_float:
        return narrow(scope, value, lenient) if scalar is Scalar.F32 else as_double(value)
    integer = as_integer(value)
    if source.scale == 0:
        return Value(_whole_to_float(scope, integer, source, scalar), integer.valid)
    if scalar is Scalar.F32 and integer.range.magnitude > _EXACT_DOUBLE:
        raise Unsupported("cast from a long decimal to FLOAT")
    shared = replace(integer, expr=scope.share(integer.expr))
    return Value(b.convert(_decimal_to_double(shared, source.scale), scalar), integer.valid)


def _whole_to_float(scope: Scope, value: Value, source: DataType, scalar: Scalar) -> ir.Expr:
    """DuckDB takes negative 128-bit integers for -1 - x, where x is rounded to a float."""
    wide = source.name in ("HUGEINT", "UHUGEINT") or source.width > _MOST_DIGITS_OF_64_BITS
    if not wide or value.range.low >= -_EXACT_DOUBLE:
        return b.convert(value.expr, scalar)
    if scalar is Scalar.F32:
        raise Unsupported(f"cast from {source} to FLOAT")
    number = scope.share(value.expr)
    flipped = b.convert(b.sub(b.const_i64(-1), number), scalar)
    below = b.sub(b.sub(b.const(0.0, scalar), flipped), b.const(1.0, scalar))
    return b.select(b.lt(number, b.const_i64(0)), below, b.convert(number, scalar))


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
