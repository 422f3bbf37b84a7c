"""Differences of dates and timestamps in whole periods, and dates made of their parts."""

from __future__ import annotations

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.plan.expressions import Call
from locality.plan.functions.base import Function, Scope, Value, all_valid, as_integer, both, check_range
from locality.plan.functions.date_trunc import LENGTHS, YEARS, period_of
from locality.plan.functions.temporal import (
    MICROSECONDS_A_DAY,
    days_of,
    days_to_timestamp,
    finite,
    monotone,
    months_of,
)
from locality.plan.intervals import Interval
from locality.types import DataType

#: Timestamps whose difference certainly fits 64 bits.
_HALF = 2**62
_SUBTRACTED = {**LENGTHS, "day": MICROSECONDS_A_DAY, "week": 7 * MICROSECONDS_A_DAY}
_MOST_YEARS = 5_000_000


def _pair(scope: Scope, call: Call) -> tuple[str, tuple[Value, Value], DataType]:
    part, start, end = call.args
    period = period_of(part)
    if start.type != end.type or start.type.name not in ("DATE", "TIMESTAMP"):
        raise Unsupported(f"{call.name} of {start.type} and {end.type}")
    return period, (scope.emit(start), scope.emit(end)), start.type


def _difference(start: Value, end: Value) -> Value:
    return Value(b.sub(end.expr, start.expr), both(start.valid, end.valid), end.range - start.range)


def _emit_difference(scope: Scope, call: Call) -> Value:
    """How many starts of periods lie between two moments."""
    period, pair, dtype = _pair(scope, call)
    if period == "week":  # DuckDB counts whole weeks, wherever they start
        start, end = (days_of(scope, value, dtype) for value in pair)
        return monotone("trunc_div", _difference(start, end), 7)
    start, end = (_ordinal(scope, value, dtype, period) for value in pair)
    return _difference(start, end)


def _ordinal(scope: Scope, value: Value, dtype: DataType, period: str) -> Value:
    """The number of the period that a moment lies in; from quarters on DuckDB divides toward zero, not down."""
    if period in LENGTHS:
        return monotone("floor_div", _micros(scope, value, dtype), LENGTHS[period])
    days = days_of(scope, value, dtype)
    match period:
        case "day":
            return days
        case "isoyear":
            return monotone("date_iso_year", days)
        case "month" | "quarter":
            months = months_of(days)
            return months if period == "month" else monotone("trunc_div", months, 3)
    return monotone("trunc_div", monotone("date_year", days), YEARS[period])


def _micros(scope: Scope, value: Value, dtype: DataType) -> Value:
    value = finite(scope, value, dtype)
    if dtype.name == "DATE":
        value = days_to_timestamp(scope, value)
    return check_range(scope, value, -_HALF, _HALF - 1)


def _emit_subtraction(scope: Scope, call: Call) -> Value:
    """How many whole periods lie between two moments."""
    period, (start, end), dtype = _pair(scope, call)
    if period not in _SUBTRACTED:
        raise Unsupported(f"date_sub in periods of a {period}")
    micros = _difference(_micros(scope, start, dtype), _micros(scope, end, dtype))
    return monotone("trunc_div", micros, _SUBTRACTED[period])


def _emit_make_date(scope: Scope, call: Call) -> Value:
    """``make_date(year, month, day)``; a date that is not in the calendar faults."""
    if len(call.args) != 3 or not all(arg.type.is_integral for arg in call.args):
        raise Unsupported("make_date of other than three integers")
    parts = tuple(as_integer(scope.emit(arg)) for arg in call.args)
    year, month, day = parts
    year = check_range(scope, year, -_MOST_YEARS, _MOST_YEARS)
    month = check_range(scope, month, 1, 12)
    day = check_range(scope, day, 1, 31)
    valid = all_valid(parts)
    if day.range.high > 28:
        length: ir.Expr = b.call("days_in_month", year.expr, month.expr)
        scope.fault(b.gt(day.expr, length), valid)
    lowest, highest = 366 * min(year.range.low - 1970, 0) - 366, 366 * max(year.range.high - 1969, 0)
    return Value(b.call("date_from_civil", year.expr, month.expr, day.expr), valid, Interval(lowest, highest))


def _emit_make_timestamp(scope: Scope, call: Call) -> Value:
    """``make_timestamp(microseconds)``."""
    if len(call.args) != 1 or call.args[0].type.name != "BIGINT" or call.type.name != "TIMESTAMP":
        raise Unsupported("make_timestamp of other than microseconds")
    return finite(scope, scope.emit(call.args[0]), call.type)


FUNCTIONS = (
    *(Function(name, _emit_difference) for name in ("date_diff", "datediff")),
    *(Function(name, _emit_subtraction) for name in ("date_sub", "datesub")),
    Function("make_date", _emit_make_date),
    Function("make_timestamp", _emit_make_timestamp),
)
