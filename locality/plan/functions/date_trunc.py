"""``date_trunc``: the start of the period that a date or timestamp lies in, as a TIMESTAMP."""

from __future__ import annotations

from locality.errors import Unsupported
from locality.plan.expressions import Call, Constant, Expression
from locality.plan.functions.base import Function, Scope, Value, check_range
from locality.plan.functions.temporal import MICROSECONDS, days_of, days_to_timestamp, finite, monotone

#: The periods' names as DuckDB spells them, by the name that this package uses.
_SPELLINGS = {
    "microsecond": "microseconds us usec usecs usecond useconds",
    "millisecond": "milliseconds ms msec msecs msecond mseconds",
    "second": "seconds s sec secs",
    "minute": "minutes m min mins",
    "hour": "hours h hr hrs",
    "day": "days d",
    "week": "weeks w",
    "month": "months mon mons",
    "quarter": "quarters",
    "year": "years y yr yrs",
    "decade": "decades dec decs",
    "century": "centuries cent c",
    "millennium": "millennia millenium mil mils",
    "isoyear": "",
}
_NAMES = {spelling: name for name, others in _SPELLINGS.items() for spelling in (name, *others.split())}
#: Microseconds of the periods of fixed length below the day.
LENGTHS = {
    "microsecond": 1,
    "millisecond": 1000,
    "second": MICROSECONDS,
    "minute": 60 * MICROSECONDS,
    "hour": 3600 * MICROSECONDS,
}
YEARS = {"year": 1, "decade": 10, "century": 100, "millennium": 1000}
_FIRST_DAYS = {
    "week": "date_trunc_week",
    "month": "date_trunc_month",
    "quarter": "date_trunc_quarter",
    "isoyear": "date_trunc_iso_year",
}
_MORE_THAN_A_MILLENNIUM = 400_000


def period_of(part: Expression) -> str:
    """The period that a constant part names, such as ``month``; raises Unsupported for others."""
    if not isinstance(part, Constant) or not isinstance(part.value, str):
        raise Unsupported("a part of dates that is not constant")
    if part.value.lower() not in _NAMES:
        raise Unsupported("periods other than from microseconds to millennia")
    return _NAMES[part.value.lower()]


def first_day(scope: Scope, days: Value, period: str) -> Value:
    """The first day of the period (a day or longer) that contains ``days``."""
    if period == "day":
        return days
    limit = 2**31 - _MORE_THAN_A_MILLENNIUM
    days = check_range(scope, days, -limit, limit)
    if period in YEARS:
        return monotone("date_trunc_years", days, YEARS[period])
    return monotone(_FIRST_DAYS[period], days)


def _emit_trunc(scope: Scope, call: Call) -> Value:
    part, argument = call.args
    period, dtype = period_of(part), argument.type
    if dtype.name not in ("DATE", "TIMESTAMP") or call.type.name != "TIMESTAMP":
        raise Unsupported(f"date_trunc of {dtype}")
    value = scope.emit(argument)
    if period in LENGTHS and dtype.name == "TIMESTAMP":
        return monotone("trunc_to", finite(scope, value, dtype, margin=LENGTHS[period]), LENGTHS[period])
    days = days_of(scope, value, dtype)
    return days_to_timestamp(scope, days if period in LENGTHS else first_day(scope, days, period))


FUNCTIONS = (Function("date_trunc", _emit_trunc), Function("datetrunc", _emit_trunc))
