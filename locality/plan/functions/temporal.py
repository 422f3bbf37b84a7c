"""What functions of dates and timestamps share: units, finite values, days of timestamps."""

from __future__ import annotations

import importlib

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel.primitives import PRIMITIVES
from locality.plan.functions.base import Scope, Value, as_integer, check_range
from locality.plan.intervals import INT64_MAX, Interval
from locality.types import DataType

SECONDS_A_DAY = 86_400
MICROSECONDS = 1_000_000
MICROSECONDS_A_DAY = SECONDS_A_DAY * MICROSECONDS
#: Units in a second of every type of timestamp.
UNITS = {
    "TIMESTAMP_S": 1,
    "TIMESTAMP_MS": 1000,
    "TIMESTAMP": MICROSECONDS,
    "TIMESTAMP WITH TIME ZONE": MICROSECONDS,
    "TIMESTAMP_NS": 1_000_000_000,
}
#: DuckDB's infinities are the values next to these; a DATE is an int32, a timestamp an int64.
_FINITE_DAYS = Interval(-(2**31) + 2, 2**31 - 2)
_FINITE_TIMESTAMPS = Interval(-INT64_MAX + 1, INT64_MAX - 1)


def finite(scope: Scope, value: Value, dtype: DataType, margin: int = 0) -> Value:
    """The value, with a fault where it is infinite or closer than ``margin`` to the ends of its type's range."""
    match dtype.name:
        case "DATE":
            limits = _FINITE_DAYS
        case name if name in UNITS:
            limits = _FINITE_TIMESTAMPS
        case _:
            raise Unsupported(f"calendar functions of {dtype}")
    return check_range(scope, as_integer(value), limits.low + margin, limits.high - margin)


def monotone(primitive: str, value: Value, *arguments: int) -> Value:
    """A call of a non-decreasing primitive, with structural constants as further arguments."""
    module = importlib.import_module(f"locality.kernel.primitives.{PRIMITIVES[primitive].module}")
    plain = getattr(module, primitive)
    bounds = Interval(int(plain(value.range.low, *arguments)), int(plain(value.range.high, *arguments)))
    return Value(b.call(primitive, value.expr, *map(b.const_i64, arguments)), value.valid, bounds)


def days_of(scope: Scope, value: Value, dtype: DataType) -> Value:
    """The day, since 1970-01-01, of a finite DATE or timestamp."""
    value = finite(scope, value, dtype)
    if dtype.name == "DATE":
        return value
    return monotone("timestamp_days", value, UNITS[dtype.name])


def scaled(scope: Scope, value: Value, factor: int) -> Value:
    """``factor`` times the value, with a fault where the product is no finite timestamp."""
    limit = (INT64_MAX - 1) // factor
    value = check_range(scope, value, -limit, limit)
    return Value(b.mul(value.expr, b.const_i64(factor)), value.valid, value.range * Interval(factor, factor))


def days_to_timestamp(scope: Scope, days: Value, unit: int = MICROSECONDS) -> Value:
    """Midnight of a day, as a timestamp with ``unit`` units a second."""
    return scaled(scope, days, SECONDS_A_DAY * unit)


def months_of(days: Value) -> Value:
    """Months since January of year 0."""
    years = monotone("date_year", days)
    expr = b.add(b.mul(years.expr, b.const_i64(12)), b.sub(b.call("date_month", days.expr), b.const_i64(1)))
    return Value(expr, days.valid, years.range * Interval(12, 12) + Interval(0, 11))
