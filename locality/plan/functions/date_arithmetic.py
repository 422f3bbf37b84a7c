"""Dates, timestamps and times plus and minus days, intervals and each other."""

from __future__ import annotations

from dataclasses import dataclass

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.plan.expressions import Call, Constant, Expression
from locality.plan.functions.base import Scope, Value, as_integer, both, check_range
from locality.plan.functions.temporal import MICROSECONDS, MICROSECONDS_A_DAY, days_to_timestamp, finite
from locality.plan.intervals import Interval
from locality.types import DataType

_TEMPORAL = frozenset({"DATE", "TIMESTAMP", "TIME", "INTERVAL"})
#: Days within which every date plus days is certain not to wrap in 64 bits.
_DAYS = Interval(-(2**31) + 2, 2**31 - 2)
_LONGEST_MONTH = 31
_LONGEST_SHIFT = 2**61
_TIMESTAMP = DataType("TIMESTAMP")
#: Months, days and microseconds of the unit that each function counts.
_UNITS = {
    "to_years": (12, 0, 0),
    "to_quarters": (3, 0, 0),
    "to_months": (1, 0, 0),
    "to_weeks": (0, 7, 0),
    "to_days": (0, 1, 0),
    "to_hours": (0, 0, 3600 * MICROSECONDS),
    "to_minutes": (0, 0, 60 * MICROSECONDS),
    "to_microseconds": (0, 0, 1),
}


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


@dataclass(frozen=True, slots=True)
class _Shift:
    """An interval of constant parts, ``count`` times, or once if that is None."""

    months: int
    days: int
    micros: int
    count: Expression | None = None


def _interval(expression: Expression, sign: str) -> _Shift:
    """What an interval moves a moment by, backward for ``-``; raises Unsupported for intervals of other forms."""
    match expression:
        case Constant(value=(int(months), int(days), int(micros))):
            shift = _Shift(months, days, micros)
        case Call(name, (count,)) if name in _UNITS:
            shift = _Shift(*_UNITS[name], count)
        case Call("*", (Constant(value=(int(months), int(days), int(micros))), count)):
            shift = _Shift(months, days, micros, count)
        case Call("*", (count, Constant(value=(int(months), int(days), int(micros))))):
            shift = _Shift(months, days, micros, count)
        case _:
            raise Unsupported("arithmetic with intervals of several parts that are not constant")
    if shift.count is not None and not shift.count.type.is_integral:
        raise Unsupported(f"an interval times {shift.count.type}")
    if sign == "+":
        return shift
    return _Shift(-shift.months, -shift.days, -shift.micros, shift.count)


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


def _add_interval(scope: Scope, argument: Expression, shift: _Shift) -> Value:
    """Months first, with the day clamped to the month's length; then days and microseconds."""
    value = scope.emit(argument)
    if argument.type.name == "DATE":
        value = days_to_timestamp(scope, finite(scope, value, argument.type))
    once = (_LONGEST_MONTH * abs(shift.months) + abs(shift.days)) * MICROSECONDS_A_DAY + abs(shift.micros)
    most = _LONGEST_SHIFT // max(once, 1)
    if most == 0:
        raise Unsupported("intervals of very many years")
    count = _once() if shift.count is None else check_range(scope, as_integer(scope.emit(shift.count)), -most, most)
    margin = once * count.range.magnitude + _LONGEST_MONTH * MICROSECONDS_A_DAY
    value = finite(scope, value, _TIMESTAMP, margin)
    if shift.months:
        value = _add_months(scope, value, _times(scope, count, shift.months))
    step = shift.days * MICROSECONDS_A_DAY + shift.micros
    if step:
        steps = _times(scope, count, step)
        value = Value(b.add(value.expr, steps.expr), both(value.valid, steps.valid), value.range + steps.range)
    return value


def _once() -> Value:
    return Value(b.const_i64(1), None, Interval(1, 1))


def _times(scope: Scope, count: Value, factor: int) -> Value:
    """The factor itself for a count of one."""
    number = scope.integer(factor)
    constant = isinstance(count.expr, ir.Const)
    bounds = count.range * Interval(factor, factor)
    return Value(number if constant else b.mul(count.expr, number), count.valid, bounds)


def _add_months(scope: Scope, value: Value, months: Value) -> Value:
    expr = b.call("timestamp_add_months", value.expr, b.const_i64(MICROSECONDS), months.expr)
    days = months.range * Interval(28, _LONGEST_MONTH) + Interval(-_LONGEST_MONTH, _LONGEST_MONTH)
    moved = days * Interval(MICROSECONDS_A_DAY, MICROSECONDS_A_DAY)
    return Value(expr, both(value.valid, months.valid), value.range + moved)


def _turn_clock(scope: Scope, argument: Expression, shift: _Shift) -> Value:
    """A time plus an interval stays within the day; the interval's months and days do nothing."""
    if shift.count is not None:
        raise Unsupported("a time plus an interval that is not constant")
    value = as_integer(scope.emit(argument))
    turned = b.add(value.expr, scope.integer(shift.micros % MICROSECONDS_A_DAY))
    expr = b.call("floor_mod", turned, b.const_i64(MICROSECONDS_A_DAY))
    return Value(expr, value.valid, Interval(0, MICROSECONDS_A_DAY - 1))


def _join(scope: Scope, date: Expression, time: Expression) -> Value:
    """The timestamp at a time of a date."""
    days = finite(scope, scope.emit(date), date.type)
    midnight = days_to_timestamp(scope, check_range(scope, days, -100_000_000, 100_000_000))
    clock = as_integer(scope.emit(time))
    valid = both(midnight.valid, clock.valid)
    return Value(b.add(midnight.expr, clock.expr), valid, midnight.range + clock.range)
