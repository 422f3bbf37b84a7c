"""Timestamps and times in units since the epoch or midnight; ``unit`` is the number of units in a second."""

from __future__ import annotations

from . import jit
from .dates import date_add_months
from .types import Integer

SECONDS_PER_DAY = 86_400


@jit
def timestamp_days(value: Integer, unit: Integer) -> Integer:
    """The day that a timestamp lies in, since 1970-01-01."""
    return value // (SECONDS_PER_DAY * unit)


@jit
def time_of_day(value: Integer, unit: Integer) -> Integer:
    """The units since midnight of a timestamp (or of a time: itself, except for 24:00)."""
    day = SECONDS_PER_DAY * unit
    return value - value // day * day


@jit
def time_hour(value: Integer, unit: Integer) -> Integer:
    """The hour of a timestamp, 0 to 23."""
    return time_of_day(value, unit) // (3600 * unit)


@jit
def time_minute(value: Integer, unit: Integer) -> Integer:
    """The minute of a timestamp, 0 to 59."""
    minutes = time_of_day(value, unit) // (60 * unit)
    return minutes - minutes // 60 * 60


@jit
def time_second(value: Integer, unit: Integer) -> Integer:
    """The second of a timestamp, 0 to 59."""
    seconds = time_of_day(value, unit) // unit
    return seconds - seconds // 60 * 60


@jit
def time_subminute(value: Integer, unit: Integer) -> Integer:
    """The units since the last full minute: DuckDB's ``microseconds`` and, divided, ``milliseconds``."""
    minute = 60 * unit
    return value - value // minute * minute


@jit
def trunc_to(value: Integer, length: Integer) -> Integer:
    """The last multiple of ``length`` (of a second, a minute, an hour, a day) at or before ``value``."""
    return value // length * length


@jit
def timestamp_add_months(value: Integer, unit: Integer, months: Integer) -> Integer:
    """The same day and time some months later (or earlier), or that month's last day if it is shorter."""
    day = SECONDS_PER_DAY * unit
    days = value // day
    return date_add_months(days, months) * day + (value - days * day)
