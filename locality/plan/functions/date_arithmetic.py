"""Dates, timestamps and times plus and minus days, constant intervals and each other."""

from __future__ import annotations

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.plan.expressions import Call, Constant, Expression
from locality.plan.functions.base import Scope, Value, as_integer, both, check_range
from locality.plan.functions.temporal import MICROSECONDS, MICROSECONDS_A_DAY, days_to_timestamp, finite
from locality.plan.intervals import INT64_MAX, Interval
from locality.types import DataType

_TEMPORAL = frozenset({"DATE", "TIMESTAMP", "TIME", "INTERVAL"})
#: Days within which every date plus days is certain not to wrap in 64 bits.
_DAYS = Interval(-(2**31) + 2, 2**31 - 2)
_LONGEST_MONTH = 31


def is_temporal(call: Call) -> bool:
    """Whether ``+`` or ``-`` has an operand or result that is a date, a time or an interval."""
    return any(dtype.name in _TEMPORAL or dtype.name.startswith("TIMESTAMP") for dtype in _types(call))


def _types(call: Call) -> tuple[DataType, ...]:
    return (call.type, *(arg.type for arg in call.args))


def emit_temporal(scope: Scope, call: Call) -> Value:
    """The value of ``+`` or ``-`` of operands of which :func:`is_temporal` holds."""
    if len(call.args) != 2:
        raise Unsupported(f"{call.name} of one {call.args[0].type}")
    left, right = call.args
    if call.name == "+" and left.type.name not in ("DATE", "TIMESTAMP", "TIME"):
        left, right = right, left
    match left.type.name, call.name, right.type.name, call.type.name:
        case "DATE", ("+" | "-"), _, "DATE" if right.type.is_integral:
            return _add_days(scope, call.name, left, right)
        case "DATE", "-", "DATE", "BIGINT":
            return _days_between(scope, left, right)
        case (("DATE" | "TIMESTAMP"), ("+" | "-"), "INTERVAL", "TIMESTAMP"):
            return _add_interval(scope, left, _interval(right, call.name))
        case "TIME", ("+" | "-"), "INTERVAL", "TIME":
            return _turn_clock(scope, left, _interval(right, call.name))
        case "DATE", "+", "TIME", "TIMESTAMP":
            return _join(scope, left, right)
        case "TIME", "+", "DATE", "TIMESTAMP":
            return _join(scope, right, left)
    raise Unsupported(f"{left.type} {call.name} {right.type}")


def _interval(expression: Expression, sign: str) -> tuple[int, int, int]:
    """Months, days and microseconds of a constant interval, negated for ``-``."""
    if not isinstance(expression, Constant) or not isinstance(expression.value, tuple):
        raise Unsupported("arithmetic with intervals that are not constant")
    months, days, micros = expression.value
    return (months, days, micros) if sign == "+" else (-months, -days, -micros)


def _add_days(scope: Scope, op: str, left: Expression, right: Expression) -> Value:
    date = finite(scope, scope.emit(left), left.type)
    days = check_range(scope, as_integer(scope.emit(right)), _DAYS.low, _DAYS.high)
    valid = both(date.valid, days.valid)
    if op == "+":
        moved = Value(b.add(date.expr, days.expr), valid, date.range + days.range)
    else:
        moved = Value(b.sub(date.expr, days.expr), valid, date.range - days.range)
    return finite(scope, moved, left.type)


def _days_between(scope: Scope, left: Expression, right: Expression) -> Value:
    """DuckDB subtracts infinite dates too, as the numbers that stand for them."""
    later, earlier = as_integer(scope.emit(left)), as_integer(scope.emit(right))
    return Value(b.sub(later.expr, earlier.expr), both(later.valid, earlier.valid), later.range - earlier.range)


def _add_interval(scope: Scope, argument: Expression, interval: tuple[int, int, int]) -> Value:
    """Months first, with the day clamped to the month's length; then days and microseconds."""
    months, days, micros = interval
    value = scope.emit(argument)
    if argument.type.name == "DATE":
        value = days_to_timestamp(scope, finite(scope, value, argument.type))
    margin = (_LONGEST_MONTH * (abs(months) + 1) + abs(days)) * MICROSECONDS_A_DAY + abs(micros)
    if margin > INT64_MAX // 2:
        raise Unsupported("intervals of very many years")
    value = finite(scope, value, DataType("TIMESTAMP"), margin)
    if months:
        value = _add_months(scope, value, months)
    step = days * MICROSECONDS_A_DAY + micros
    if not step:
        return value
    return Value(b.add(value.expr, scope.integer(step)), value.valid, value.range + Interval(step, step))


def _add_months(scope: Scope, value: Value, months: int) -> Value:
    expr = b.call("timestamp_add_months", value.expr, b.const_i64(MICROSECONDS), scope.integer(months))
    least, most = sorted((28 * months, 31 * months))
    moved = Interval(least - _LONGEST_MONTH, most + _LONGEST_MONTH)
    return Value(expr, value.valid, value.range + moved * Interval(MICROSECONDS_A_DAY, MICROSECONDS_A_DAY))


def _turn_clock(scope: Scope, argument: Expression, interval: tuple[int, int, int]) -> Value:
    """A time plus an interval stays within the day; the interval's months and days do nothing."""
    value = as_integer(scope.emit(argument))
    turned = b.add(value.expr, scope.integer(interval[2] % MICROSECONDS_A_DAY))
    expr = b.call("floor_mod", turned, b.const_i64(MICROSECONDS_A_DAY))
    return Value(expr, value.valid, Interval(0, MICROSECONDS_A_DAY - 1))


def _join(scope: Scope, date: Expression, time: Expression) -> Value:
    """The timestamp at a time of a date."""
    days = finite(scope, scope.emit(date), date.type)
    midnight = days_to_timestamp(scope, check_range(scope, days, -100_000_000, 100_000_000))
    clock = as_integer(scope.emit(time))
    valid = both(midnight.valid, clock.valid)
    return Value(b.add(midnight.expr, clock.expr), valid, midnight.range + clock.range)
