"""Predicates over a block of strings: ``offsets[first_row]`` to ``offsets[first_row + n]`` of ``data`` at once.

A needle is searched in the bytes of the whole block, regardless of where its strings begin: one vectorised loop marks
the positions where three chosen bytes of the needle are in place, and only these are looked at one by one.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .strings import ANY_STRING, LITERAL, string_length, string_like, string_starts_with
from .types import Bools, Bytes, Elements, Integer, Ints64

STEP = 64


@jit
def next_candidate(data: Bytes, first: Integer, stop: Integer, needle: Bytes, probes: Ints64) -> Integer:
    """A position at or before the first in ``first <= position < stop`` where the needle's three probes are in place.

    It is the start of that position's step of 64, or ``stop``.
    """
    a = needle[probes[0]]
    b = needle[probes[1]]
    c = needle[probes[2]]
    while first < stop:
        count = min(STEP, stop - first)
        at_a = data[first + probes[0] : first + probes[0] + count]
        at_b = data[first + probes[1] : first + probes[1] + count]
        at_c = data[first + probes[2] : first + probes[2] + count]
        found = False
        for i in range(count):
            found |= (at_a[i] == a) & (at_b[i] == b) & (at_c[i] == c)
        if found:
            return first
        first += count
    return first


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
    out: Bools,
) -> Integer:
    """Sets ``out[i]`` to whether row ``first_row + i`` contains ``needle`` and matches; returns how many do.

    ``tokens`` and ``kinds`` are a pattern of LIKE, against which only strings that contain the needle are held; ``%``
    where the needle alone decides. The needle is not looked at where it is no help: if it has one byte or none, or if
    the pattern begins or ends with a literal.
    """
    if len(needle) < 2 or kinds[0] == LITERAL or kinds[-1] == LITERAL:
        return like_rows(data, offsets, first_row, n, tokens, kinds, out)
    matches = 0
    for i in range(n):
        out[i] = False
    probe = probes[0]
    rare = needle[probe]
    row = first_row
    position = offsets[first_row]
    stop = offsets[first_row + n] - len(needle) + 1
    while position < stop:
        position = next_candidate(data, position, stop, needle, probes)
        step_stop = min(position + STEP, stop)
        while position < step_stop:
            if data[position + probe] == rare and string_starts_with(data, position, stop + len(needle), needle):
                while offsets[row + 1] <= position:
                    row += 1
                row_stop = offsets[row + 1]
                if position + len(needle) <= row_stop:
                    found = string_like(data, offsets[row], row_stop, tokens, kinds)
                    out[row - first_row] = found
                    matches += found
                    position = row_stop - 1
            position += 1
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
