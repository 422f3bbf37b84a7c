"""``time_bucket`` with a constant width: the start of the bucket that a date or timestamp lies in.

Buckets of days and less are counted from Monday, 2000-01-03, those of months from 2000-01-01.
"""

from __future__ import annotations

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.plan.expressions import Call, Constant
from locality.plan.functions.base import Function, Scope, Value, check_range
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

_ORIGIN = 10_959 * MICROSECONDS_A_DAY
_ORIGIN_MONTH = 2000 * 12
_LONGEST_MONTH = 31
_MOST_MONTHS = 12_000
_MOST_DAYS = 100_000_000
_TIMESTAMP = DataType("TIMESTAMP")


def _emit_bucket(scope: Scope, call: Call) -> Value:
    width, argument = call.args[:2]
    if len(call.args) != 2 or not isinstance(width, Constant) or not isinstance(width.value, tuple):
        raise Unsupported("time_bucket with an origin, or a width that is not constant")
    if argument.type.name not in ("DATE", "TIMESTAMP") or argument.type != call.type:
        raise Unsupported(f"time_bucket of {argument.type}")
    months, days, micros = width.value
    value = scope.emit(argument)
    if months:
        if days or micros or not 0 < months <= _MOST_MONTHS:
            raise Unsupported("time_bucket of months with other units, or of very many")
        first = _first_day(scope, days_of(scope, value, argument.type), months)
        return first if argument.type.name == "DATE" else days_to_timestamp(scope, first)
    start = _start(scope, value, argument.type, days * MICROSECONDS_A_DAY + micros)
    return start if argument.type.name == "TIMESTAMP" else days_of(scope, start, _TIMESTAMP)


def _start(scope: Scope, value: Value, dtype: DataType, width: int) -> Value:
    if not 0 < width <= _MOST_DAYS * MICROSECONDS_A_DAY:
        raise Unsupported("time_bucket of a width that is not positive, or of very many days")
    value = finite(scope, value, dtype)
    if dtype.name == "DATE":
        value = days_to_timestamp(scope, value)
    value = finite(scope, value, _TIMESTAMP, margin=_ORIGIN + width)
    start = scope.share(value.expr)
    since = b.call("floor_mod", b.sub(start, b.const_i64(_ORIGIN)), scope.integer(width))
    return Value(b.sub(start, since), value.valid, Interval(value.range.low - width, value.range.high))


def _first_day(scope: Scope, days: Value, width: int) -> Value:
    days = check_range(scope, days, -_MOST_DAYS, _MOST_DAYS)
    month = scope.share(months_of(days).expr)
    since = b.call("floor_mod", b.sub(month, b.const_i64(_ORIGIN_MONTH)), scope.integer(width))
    first = scope.share(b.sub(month, since))
    year = monotone("floor_div", Value(first), 12).expr
    number = b.add(b.call("floor_mod", first, b.const_i64(12)), b.const_i64(1))
    bounds = Interval(days.range.low - _LONGEST_MONTH * (width + 1), days.range.high)
    return Value(b.call("date_from_civil", year, number, b.const_i64(1)), days.valid, bounds)


FUNCTIONS = (Function("time_bucket", _emit_bucket),)
