"""Strings made of others: row ``i`` is ``data[starts[i] : stops[i]]``, wherever these lie."""

from __future__ import annotations

import numpy as np

from . import jit
from .selection import STEP, equal_bytes, lowest_bit
from .strings import string_starts_with
from .texts import copy_text
from .types import Boolean, Bools, Bytes, Integer, Ints64

_SPACE = 32
_WIDE = 16
_ONE = np.uint64(1)


@jit
def spill_text(data: Bytes, start: Integer, stop: Integer, out: Bytes, at: Integer) -> Integer:
    """Copies a string to ``out[at]``, and perhaps up to 15 bytes behind its end; returns where it ends there.

    Whole words of which the last goes too far take no branches by a string's length.
    """
    length = stop - start
    if start + length + _WIDE > len(data):
        return copy_text(data, start, length, out, at)
    for done in range(0, length, _WIDE):
        source = np.uint64(start + done)
        target = np.uint64(at + done)
        for k in range(_WIDE):
            out[target + np.uint64(k)] = data[source + np.uint64(k)]
    return at + length


@jit
def reverse_texts(data: Bytes, starts: Ints64, stops: Ints64, out: Bytes) -> Integer:
    """Writes the bytes of each string backwards, one string after the other; returns the bytes of all."""
    at = 0
    for i in range(len(starts)):
        length = stops[i] - starts[i]
        last = np.uint64(stops[i] - 1)
        for k in range(length):
            out[np.uint64(at) + np.uint64(k)] = data[last - np.uint64(k)]
        at += length
    return at


@jit
def strip_spaces(data: Bytes, starts: Ints64, stops: Ints64, before: Boolean, after: Boolean) -> Integer:
    """Moves the ends of strings past spaces; returns how many strings there are."""
    for i in range(len(starts)):
        start, stop = starts[i], stops[i]
        while before and start < stop and data[np.uint64(start)] == _SPACE:
            start += 1
        while after and start < stop and data[np.uint64(stop - 1)] == _SPACE:
            stop -= 1
        starts[i] = start
        stops[i] = stop
    return len(starts)


@jit
def find_in_text(data: Bytes, start: Integer, stop: Integer, needle: Bytes) -> Integer:
    """Where the needle, at least one byte, begins first in ``data[start:stop]``; -1 if it does not."""
    last = stop - len(needle)
    first = needle[0]
    while start <= last:
        if start + STEP > len(data):
            if data[np.uint64(start)] == first and string_starts_with(data, start, stop, needle):
                return start
            start += 1
            continue
        found = equal_bytes(data, start, first)
        while found != 0:
            place = start + lowest_bit(found)
            found &= found - _ONE
            if place > last:
                return -1
            if string_starts_with(data, place, stop, needle):
                return place
        start += STEP
    return -1


@jit
def find_in_texts(data: Bytes, starts: Ints64, stops: Ints64, needle: Bytes, found: Ints64) -> Integer:
    """Writes the place of the needle in each string, counted from 1, or 0; returns the number of strings."""
    for i in range(len(starts)):
        place = find_in_text(data, starts[i], stops[i], needle)
        found[i] = 0 if place < 0 else place - starts[i] + 1
    return len(starts)


@jit
def part_of_texts(data: Bytes, starts: Ints64, stops: Ints64, needle: Bytes, number: Integer, there: Bools) -> Integer:
    """Narrows each string to its part ``number``, from 0 on, between the needles; to nothing where there is none.

    Writes whether there is one; returns for how many strings.
    """
    count = 0
    for i in range(len(starts)):
        start, stop = starts[i], stops[i]
        left = number
        while left > 0:
            place = find_in_text(data, start, stop, needle)
            if place < 0:
                break
            start = place + len(needle)
            left -= 1
        there[i] = left == 0
        count += left == 0
        if left > 0:
            stops[i] = starts[i]
            continue
        place = find_in_text(data, start, stop, needle)
        starts[i] = start
        stops[i] = stop if place < 0 else place
    return count


@jit
def count_parts(data: Bytes, starts: Ints64, stops: Ints64, needle: Bytes) -> Integer:
    """How many parts the needles make of all strings."""
    total = len(starts)
    for i in range(len(starts)):
        place = find_in_text(data, starts[i], stops[i], needle)
        while place >= 0:
            total += 1
            place = find_in_text(data, place + len(needle), stops[i], needle)
    return total


@jit
def write_parts(
    data: Bytes, starts: Ints64, stops: Ints64, needle: Bytes, begins: Ints64, ends: Ints64, counts: Ints64
) -> Integer:
    """Writes where the parts of strings begin and end, one string's after the other's, and how many each has.

    Returns how many there are of all.
    """
    total = 0
    for i in range(len(starts)):
        before = total
        start = starts[i]
        place = find_in_text(data, start, stops[i], needle)
        while place >= 0:
            begins[np.uint64(total)] = start
            ends[np.uint64(total)] = place
            total += 1
            start = place + len(needle)
            place = find_in_text(data, start, stops[i], needle)
        begins[np.uint64(total)] = start
        ends[np.uint64(total)] = stops[i]
        total += 1
        counts[i] = total - before
    return total


@jit
def pad_texts(
    data: Bytes, starts: Ints64, stops: Ints64, width: Integer, pad: Bytes, left: Boolean, out: Bytes
) -> Integer:
    """Writes each string with ``width`` bytes: cut, or filled up with ``pad``; returns the bytes of all."""
    at = 0
    for i in range(len(starts)):
        length = min(stops[i] - starts[i], width)
        if not left:
            copy_text(data, starts[i], length, out, at)
            at += length
        filler = 0
        for _ in range(width - length):
            out[np.uint64(at)] = pad[np.uint64(filler)]
            filler = filler + 1 if filler + 1 < len(pad) else 0
            at += 1
        if left:
            copy_text(data, starts[i], length, out, at)
            at += length
    return at
