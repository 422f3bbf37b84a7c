"""Rounding, signs and absolute values of integers, decimals and floats; what is special about a float."""

from __future__ import annotations

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.plan.expressions import Call, Constant
from locality.plan.functions.base import Function, Scope, Value, as_double, as_integer, check_range
from locality.plan.functions.date_parts import emit_finiteness
from locality.plan.intervals import INT64_MAX, INT64_MIN, Interval
from locality.types import DataType

#: For every function: of floats, and of unscaled decimals and a power of ten.
_ROUNDERS = {
    "round": ("round_half_away", "round_div"),
    "floor": ("round_down", "floor_div"),
    "ceil": ("round_up", ""),
    "ceiling": ("round_up", ""),
    "trunc": ("round_to_zero", "trunc_div"),
}
#: Powers of ten up to this one are 64-bit integers, and doubles exactly.
_MOST_DIGITS = 18


def _is_number(dtype: DataType) -> bool:
    return dtype.is_integral or dtype.is_decimal or dtype.is_float or dtype.name == "HUGEINT"


def _digits(call: Call) -> int:
    """The constant number of places to keep; 0 without a second argument."""
    if not _is_number(call.args[0].type):
        raise Unsupported(f"{call.name} of {call.args[0].type}")
    if len(call.args) == 1:
        return 0
    digits = call.args[1]
    if not isinstance(digits, Constant) or not isinstance(digits.value, int):
        raise Unsupported(f"{call.name} to a number of places that is not constant")
    if abs(digits.value) > _MOST_DIGITS:
        raise Unsupported(f"{call.name} to more than {_MOST_DIGITS} places")
    return digits.value


def _emit_rounding(scope: Scope, call: Call) -> Value:
    digits, source = _digits(call), call.args[0].type
    value = scope.emit(call.args[0])
    if source.is_float:
        return _round_float(scope, call, value, digits)
    value = as_integer(value)
    excess = source.scale - digits
    if excess <= 0:
        if source.scale != call.type.scale:
            raise Unsupported(f"{call.name} giving {call.type}")
        return value
    if excess > _MOST_DIGITS:
        raise Unsupported(f"{call.name} of {excess} places")
    rounded = _divide(call.name, value, 10**excess)
    # what was rounded beyond the point is brought back to the result's scale
    power = 10 ** (call.type.scale - digits) if digits < 0 else 1
    limit = INT64_MAX // power
    rounded = check_range(scope, rounded, -limit, limit)
    result = Value(b.mul(rounded.expr, b.const_i64(power)), rounded.valid, rounded.range * Interval(power, power))
    low, high = call.type.bounds if call.type.name != "HUGEINT" else (INT64_MIN, INT64_MAX)
    return check_range(scope, result, max(low, INT64_MIN), min(high, INT64_MAX))


def _divide(name: str, value: Value, power: int) -> Value:
    """The quotient by a power of ten, rounded as the function says."""
    bounds = Interval(value.range.low // power, -(-value.range.high // power))
    divisor = b.const_i64(power)
    if primitive := _ROUNDERS[name][1]:
        return Value(b.call(primitive, value.expr, divisor), value.valid, bounds)
    below = b.call("floor_div", value.expr, divisor)
    exact = b.eq(b.mul(below, divisor), value.expr)
    return Value(b.add(below, b.select(exact, b.const_i64(0), b.const_i64(1))), value.valid, bounds)


def _round_float(scope: Scope, call: Call, value: Value, digits: int) -> Value:
    """To places: scaled, rounded and scaled back in doubles; where that overflows, the value itself or an error."""
    number = scope.share(as_double(value).expr)
    primitive = _ROUNDERS[call.name][0]
    if digits == 0:
        rounded: ir.Expr = b.call(primitive, number)
    else:
        power = b.convert(scope.integer(10 ** abs(digits)), Scalar.F64)
        up, down = (b.mul, b.div) if digits > 0 else (b.div, b.mul)
        rounded = scope.share(down(b.call(primitive, up(number, power)), power))
        infinite = b.not_(_is_finite(rounded))
        if digits < 0:
            scope.fault(b.and_(infinite, _is_finite(number)), value.valid)
        rounded = b.select(infinite, number, rounded)
    return Value(b.convert(rounded, Scalar.F32 if call.type.name == "FLOAT" else Scalar.F64), value.valid)


def _is_finite(number: ir.Expr) -> ir.Expr:
    """Neither infinite nor NaN: the difference with itself is zero."""
    return b.eq(b.sub(number, number), b.const(0.0, Scalar.F64))


def _emit_absolute(scope: Scope, call: Call) -> Value:
    source = call.args[0].type
    value = scope.emit(call.args[0])
    if source.is_float:
        double = b.call("magnitude", as_double(value).expr)
        return Value(b.convert(double, Scalar.F32 if call.type.name == "FLOAT" else Scalar.F64), value.valid)
    if not _is_number(source):
        raise Unsupported(f"{call.name} of {source}")
    value = check_range(scope, as_integer(value), INT64_MIN + 1, INT64_MAX)
    if value.range.low >= 0:
        return value
    expr = b.maximum(value.expr, b.sub(b.const_i64(0), value.expr))
    result = Value(expr, value.valid, Interval(0, value.range.magnitude))
    high = INT64_MAX if call.type.name == "HUGEINT" else call.type.bounds[1]
    return check_range(scope, result, 0, min(high, INT64_MAX))


def _emit_sign(scope: Scope, call: Call) -> Value:
    """-1, 0 or 1; 0 for NaN."""
    if not _is_number(call.args[0].type):
        raise Unsupported(f"sign of {call.args[0].type}")
    value = scope.emit(call.args[0])
    value = as_double(value) if value.is_float else as_integer(value)
    number = scope.share(value.expr)
    zero = b.const(0.0, Scalar.F64) if value.is_float else b.const_i64(0)
    positive, negative = (b.convert(test, Scalar.I64) for test in (b.gt(number, zero), b.lt(number, zero)))
    return Value(b.sub(positive, negative), value.valid, Interval(-1, 1))


def _emit_special(scope: Scope, call: Call) -> Value:
    """``isnan``, ``isinf`` and ``isfinite``."""
    if not call.args[0].type.is_float:
        return emit_finiteness(scope, call)
    value = as_double(scope.emit(call.args[0]))
    number = scope.share(value.expr)
    is_nan = b.ne(number, number)
    match call.name:
        case "isnan":
            return Value(is_nan, value.valid)
        case "isfinite":
            return Value(_is_finite(number), value.valid)
    return Value(b.and_(b.not_(is_nan), b.not_(_is_finite(number))), value.valid)


FUNCTIONS = (
    *(Function(name, _emit_rounding) for name in _ROUNDERS),
    *(Function(name, _emit_absolute) for name in ("abs", "@")),
    Function("sign", _emit_sign),
    *(Function(name, _emit_special) for name in ("isnan", "isinf", "isfinite")),
)
