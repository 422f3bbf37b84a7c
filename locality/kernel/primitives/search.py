"""Predicates over a block of strings: ``offsets[first_row]`` to ``offsets[first_row + n]`` of ``data`` at once.

A needle is searched in the bytes of the whole block, regardless of where its strings begin: one vectorised loop marks
the positions where three chosen bytes of the needle are in place, and only these are looked at one by one.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .strings import ANY_STRING, LITERAL, string_length, string_like, string_starts_with
from .types import Boolean, Bools, Bytes, Elements, Integer, Ints64

STEP = 64
_EIGHT = 8
_ONE = np.uint64(1)
_ONES = np.uint64(0x0101010101010101)
_TOP_BYTE = np.uint64(56)


@jit
def next_candidate(data: Bytes, first: Integer, stop: Integer, needle: Bytes, probes: Ints64) -> Integer:
    """A position at or before the first in ``first <= position < stop`` where the needle's three probes are in place.

    It is the start of that position's step of 64, or that of the last step, which is shorter.
    """
    a = needle[probes[0]]
    b = needle[probes[1]]
    c = needle[probes[2]]
    while stop - first >= STEP:
        at_a = np.uint64(first + probes[0])
        at_b = np.uint64(first + probes[1])
        at_c = np.uint64(first + probes[2])
        found = False
        for i in range(STEP):
            k = np.uint64(i)
            found |= (data[at_a + k] == a) & (data[at_b + k] == b) & (data[at_c + k] == c)
        if found:
            return first
        first += STEP
    return first


@jit
def mark_candidates(data: Bytes, first: Integer, count: Integer, needle: Bytes, probes: Ints64, marks: Bools) -> None:
    """Sets ``marks[i]``, ``count`` of them, to whether the needle's first two probes are in place if it begins at
    ``first + i``; of a step's other marks none is set.
    """
    a = needle[probes[0]]
    b = needle[probes[1]]
    at_a = np.uint64(first + probes[0])
    at_b = np.uint64(first + probes[1])
    if count == STEP:
        for i in range(STEP):
            k = np.uint64(i)
            marks[k] = (data[at_a + k] == a) & (data[at_b + k] == b)
        return
    for i in range(STEP):
        k = np.uint64(i)
        marks[k] = i < count and data[at_a + k] == a and data[at_b + k] == b


@jit
def like_block(
    data: Bytes,
    offsets: Ints64,
    first_row: Integer,
    n: Integer,
    needle: Bytes,
    probes: Ints64,
    tokens: Bytes,
    kinds: Bytes,
    rest: Boolean,
    out: Bools,
) -> Integer:
    """Sets ``out[i]`` to whether row ``first_row + i`` contains ``needle`` and matches; returns how many do.

    ``tokens`` and ``kinds`` are a pattern of LIKE, against which only strings that contain the needle are held: what
    follows the first needle if ``rest``, else the whole string. The needle is not looked at where it is no help: if it
    has one byte or none, or if the pattern begins or ends with a literal.
    """
    if len(needle) < 2 or kinds[0] == LITERAL or kinds[-1] == LITERAL:
        return like_rows(data, offsets, first_row, n, tokens, kinds, out)
    marks = np.empty(STEP, np.bool_)
    eights = marks.view(np.uint64)
    matches = 0
    for i in range(n):
        out[i] = False
    row = first_row
    begin = offsets[first_row]
    stop = offsets[first_row + n] - len(needle) + 1
    while begin < stop:
        begin = next_candidate(data, begin, stop, needle, probes)
        count = min(STEP, stop - begin)
        mark_candidates(data, begin, count, needle, probes, marks)
        following = begin + count
        for eight in range(STEP // _EIGHT):
            left = eights[eight]
            while left != 0:
                # the bytes up to the first that is set, counted
                byte = ((((left ^ (left - _ONE)) & _ONES) * _ONES) >> _TOP_BYTE) - _ONE
                left &= left - _ONE
                position = begin + eight * _EIGHT + np.int64(byte)
                if position < offsets[np.uint64(row)]:
                    continue
                if not string_starts_with(data, position, stop + len(needle), needle):
                    continue
                while offsets[np.uint64(row + 1)] <= position:
                    row += 1
                after = position + len(needle)
                end = offsets[np.uint64(row + 1)]
                if after <= end:
                    start = after if rest else offsets[np.uint64(row)]
                    found = string_like(data, start, end, tokens, kinds)
                    out[row - first_row] = found
                    matches += found
                    row += 1
                    if row == first_row + n:
                        return matches
                    following = max(following, end)
        begin = following
    return matches


@jit
def like_rows(
    data: Bytes, offsets: Ints64, first_row: Integer, n: Integer, tokens: Bytes, kinds: Bytes, out: Bools
) -> Integer:
    """:func:`like_block` one string after the other, by its first or last byte where the pattern says what that is."""
    first = kinds[0] if len(kinds) > 0 else ANY_STRING
    last = kinds[-1] if len(kinds) > 0 else ANY_STRING
    matches = 0
    for i in range(n):
        start = offsets[first_row + i]
        stop = offsets[first_row + i + 1]
        possible = first != LITERAL or (stop > start and data[start] == tokens[0])
        possible = possible and (last != LITERAL or (stop > start and data[stop - 1] == tokens[-1]))
        out[i] = possible and string_like(data, start, stop, tokens, kinds)
        matches += out[i]
    return matches


@jit
def length_block(data: Bytes, offsets: Ints64, first_row: Integer, n: Integer, out: Elements) -> Integer:
    """Writes the rows' lengths in characters to ``out[:n]``; returns their sum.

    A block of ASCII, which one vectorised loop tells, has as many characters as bytes.
    """
    start = offsets[first_row]
    stop = offsets[first_row + n]
    octets = data[start:stop]
    seen = np.uint8(0)
    for i in range(len(octets)):
        seen |= octets[i]
    if seen < 128:
        for i in range(n):
            out[i] = offsets[first_row + i + 1] - offsets[first_row + i]
        return stop - start
    total = 0
    for i in range(n):
        length = string_length(data, offsets[first_row + i], offsets[first_row + i + 1])
        out[i] = length
        total += length
    return total
