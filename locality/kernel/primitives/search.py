"""Predicates over a block of strings: ``offsets[first_row]`` to ``offsets[first_row + n]`` of ``data`` at once.

A needle is searched in the bytes of the whole block, regardless of where its strings begin: a few
vector instructions tell of 64 positions where three chosen bytes of the needle are in place, and only these are looked
at one by one.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .selection import STEP, equal_bytes, low_bits, lowest_bit
from .strings import ANY_STRING, LITERAL, string_length, string_like, string_starts_with
from .types import Boolean, Bools, Bytes, Elements, Integer, Ints64

_ONE = np.uint64(1)


@jit
def candidates(data: Bytes, first: Integer, stop: Integer, needle: Bytes, probes: Ints64) -> Integer:
    """At which of the 64 positions from ``first`` on the needle's probes are in place, as bits; none from ``stop`` on.

    The lowest bit is the first one's. The needle fits in ``data`` wherever it begins before ``stop``.
    """
    a = needle[probes[0]]
    b = needle[probes[1]]
    c = needle[probes[2]]
    if len(data) - first >= STEP + len(needle):
        found = equal_bytes(data, first + probes[0], a)
        found &= equal_bytes(data, first + probes[1], b)
        found &= equal_bytes(data, first + probes[2], c)
        return found if stop - first >= STEP else found & low_bits(stop - first)
    found = np.uint64(0)
    for i in range(min(stop - first, STEP)):
        at = first + i
        is_there = data[at + probes[0]] == a and data[at + probes[1]] == b and data[at + probes[2]] == c
        found |= np.uint64(is_there) << np.uint64(i)
    return found


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
    matches = 0
    for i in range(n):
        out[i] = False
    row = first_row
    begin = offsets[first_row]
    stop = offsets[first_row + n] - len(needle) + 1
    while begin < stop:
        found = candidates(data, begin, stop, needle, probes)
        following = begin + STEP
        while found != 0:
            position = begin + lowest_bit(found)
            found &= found - _ONE
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
                matched = string_like(data, start, end, tokens, kinds)
                out[row - first_row] = matched
                matches += matched
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
