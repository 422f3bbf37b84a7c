"""Numbers, dates and times as they are written: row ``i`` gets ``out[offsets[i] : offsets[i + 1]]``.

``offsets[0]`` comes in as 0, and ``out`` with room for the longest spelling of every row.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .dates import date_day, date_month, date_year
from .times import SECONDS_PER_DAY
from .types import Bytes, Elements, Integer, Ints64

_ZERO, _MINUS, _POINT = 48, 45, 46
_MICROS = 1_000_000
_TEN = np.uint64(10)
_HUNDRED = np.uint64(100)
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # of the years 1 to 9999

#: Fields of a template.
CENTURY, YEAR, MONTH, DAY, HOUR, MINUTE, SECOND = range(7)


@jit
def count_digits(value: Integer) -> Integer:
    """The decimal digits of a uint64, at least one."""
    digits = 1
    while value >= _HUNDRED:
        value //= _HUNDRED
        digits += 2
    return digits + (value >= _TEN)


@jit
def write_digits(value: Integer, out: Bytes, end: Integer, digits: Integer) -> Integer:
    """Writes the last ``digits`` digits of a uint64 in front of ``out[end]``; returns those in front of them."""
    at = end
    while at - 2 >= end - digits:
        rest = value // _HUNDRED
        pair = value - rest * _HUNDRED
        tens = pair // _TEN
        out[np.uint64(at - 2)] = _ZERO + tens
        out[np.uint64(at - 1)] = _ZERO + pair - tens * _TEN
        value = rest
        at -= 2
    if at > end - digits:
        rest = value // _TEN
        out[np.uint64(at - 1)] = _ZERO + value - rest * _TEN
        value = rest
    return value


@jit
def spell_numbers(values: Elements, scale: Integer, out: Bytes, offsets: Ints64) -> Integer:
    """Writes integers, or decimals of ``scale`` digits behind the point; returns the bytes of all."""
    at = offsets[0]
    for i in range(len(values)):
        value = np.int64(values[i])
        size = np.uint64(value)
        if value < 0:
            out[np.uint64(at)] = _MINUS
            at += 1
            size = np.uint64(0) - size
        if scale == 0:
            at += count_digits(size)
            write_digits(size, out, at, count_digits(size))
        else:
            digits = max(count_digits(size), scale + 1)
            at += digits + 1
            whole = write_digits(size, out, at, scale)
            out[np.uint64(at - scale - 1)] = _POINT
            write_digits(whole, out, at - scale - 1, digits - scale)
        offsets[np.uint64(i + 1)] = at
    return at


@jit
def write_fraction(micros: Integer, out: Bytes, at: Integer) -> Integer:
    """Writes a point and the digits of a part of a second without zeros at their end, if any; returns where it ends."""
    if micros == 0:
        return at
    digits = 6
    left = micros
    while left - left // 10 * 10 == 0:
        left //= 10
        digits -= 1
    out[np.uint64(at)] = _POINT
    write_digits(np.uint64(left), out, at + 1 + digits, digits)
    return at + 1 + digits


@jit
def spell_times(
    values: Elements,
    unit: Integer,
    template: Bytes,
    fields: Bytes,
    places: Ints64,
    fraction: Integer,
    out: Bytes,
    offsets: Ints64,
) -> Integer:
    """Writes timestamps, ``unit`` of them a day: a template with two digits of each field at its place in it.

    If ``fraction`` is 1, parts of a second that are not 0 follow. Returns the bytes of all, or -1 where a year has not
    four digits.
    """
    at = offsets[0]
    micro = SECONDS_PER_DAY * _MICROS // unit
    last = np.int64(_LAST_DAY + 1)
    parts = np.empty(7, np.int64)
    for i in range(len(values)):
        days = np.int64(values[i]) // unit
        if days < _FIRST_DAY or days > _LAST_DAY:
            return -1
        if days != last:
            last = days
            year = date_year(days)
            parts[CENTURY] = year // 100
            parts[YEAR] = year - year // 100 * 100
            parts[MONTH] = date_month(days)
            parts[DAY] = date_day(days)
        micros = (np.int64(values[i]) - days * unit) * micro
        seconds = micros // _MICROS
        minutes = seconds // 60
        parts[HOUR] = minutes // 60
        parts[MINUTE] = minutes - minutes // 60 * 60
        parts[SECOND] = seconds - minutes * 60
        for k in range(len(template)):
            out[np.uint64(at) + np.uint64(k)] = template[np.uint64(k)]
        for k in range(len(fields)):
            value = parts[fields[np.uint64(k)]]
            place = np.uint64(at + places[np.uint64(k)])
            out[place] = _ZERO + value // 10
            out[place + np.uint64(1)] = _ZERO + value - value // 10 * 10
        at += len(template)
        if fraction == 1:
            at = write_fraction(micros - seconds * _MICROS, out, at)
        offsets[np.uint64(i + 1)] = at
    return at
