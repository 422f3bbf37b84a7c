"""Casts among dates, times and timestamps of all units."""

from __future__ import annotations

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.plan.functions.base import Scope, Value
from locality.plan.functions.temporal import (
    MICROSECONDS,
    MICROSECONDS_A_DAY,
    UNITS,
    days_of,
    days_to_timestamp,
    finite,
    monotone,
    scaled,
)
from locality.plan.intervals import Interval
from locality.types import DataType

_ZONED = "TIMESTAMP WITH TIME ZONE"
_TIMESTAMP = DataType("TIMESTAMP")


def is_temporal_cast(source: DataType, target: DataType) -> bool:
    """Whether :func:`cast_temporal` may know the cast."""
    names = {source.name, target.name}
    return names <= {"DATE", "TIME", *UNITS} and _ZONED not in names


def cast_temporal(scope: Scope, value: Value, source: DataType, target: DataType) -> Value:
    """The value as ``target``: coarser timestamps round halves away from zero, dates and times round down."""
    if source.name == "DATE" and target.name in UNITS:
        return days_to_timestamp(scope, finite(scope, value, source), UNITS[target.name])
    if source.name not in UNITS:
        raise Unsupported(f"cast from {source} to {target}")
    if target.name in UNITS:
        return _change_unit(scope, value, source, UNITS[target.name])
    if source.name == "TIMESTAMP_NS":  # goes by way of microseconds
        value, source = cast_temporal(scope, value, source, _TIMESTAMP), _TIMESTAMP
    if target.name == "DATE":
        return days_of(scope, value, source)
    unit = UNITS[source.name]
    clock = b.call("time_of_day", finite(scope, value, source).expr, b.const_i64(unit))
    scale = MICROSECONDS // unit
    return Value(b.mul(clock, b.const_i64(scale)), value.valid, Interval(0, MICROSECONDS_A_DAY - 1))


def _change_unit(scope: Scope, value: Value, source: DataType, target: int) -> Value:
    unit = UNITS[source.name]
    if target >= unit:
        return scaled(scope, finite(scope, value, source), target // unit)
    divisor = unit // target
    return monotone("round_div", finite(scope, value, source, margin=divisor), divisor)
