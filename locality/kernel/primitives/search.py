"""Predicates over a block of strings: ``offsets[first_row]`` to ``offsets[first_row + n]`` of ``data`` at once.

A needle is searched in the bytes of the whole block, regardless of where its strings begin: one vectorised loop marks
the positions where three chosen bytes of the needle are in place, and only these are looked at one by one.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .strings import string_contains, string_length, string_like, string_starts_with
from .types import Bools, Bytes, Elements, Integer, Ints64

WINDOW = 4096


@jit
def mark_candidates(
    data: Bytes, first: Integer, count: Integer, needle: Bytes, probes: Ints64, marks: Bytes
) -> Integer:
    """Sets ``marks[i]`` where the needle's bytes at its three ``probes`` stand in ``data`` from ``first + i``.

    ``marks`` is padded with 0 to a multiple of 8; returns that length.
    """
    a = needle[probes[0]]
    b = needle[probes[1]]
    c = needle[probes[2]]
    at_a = data[first + probes[0] : first + probes[0] + count]
    at_b = data[first + probes[1] : first + probes[1] + count]
    at_c = data[first + probes[2] : first + probes[2] + count]
    for i in range(count):
        marks[i] = (at_a[i] == a) & (at_b[i] == b) & (at_c[i] == c)
    padded = (count + 7) // 8 * 8
    for i in range(count, padded):
        marks[i] = 0
    return padded


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
    where the needle alone decides. A needle of one byte or none is no help in finding them: every string is looked at.
    """
    matches = 0
    if len(needle) < 2:
        for i in range(n):
            start = offsets[first_row + i]
            stop = offsets[first_row + i + 1]
            out[i] = string_like(data, start, stop, tokens, kinds) and string_contains(data, start, stop, needle)
            matches += out[i]
        return matches
    for i in range(n):
        out[i] = False
    row = first_row
    row_stop = offsets[row + 1] if n > 0 else offsets[row]
    position = offsets[first_row]
    last = offsets[first_row + n] - len(needle)
    marks = np.empty(WINDOW, np.uint8)
    words = marks.view(np.uint64)
    while position <= last:
        count = min(WINDOW, last + 1 - position)
        padded = mark_candidates(data, position, count, needle, probes, marks)
        for w in range(padded // 8):
            if words[w] == 0:
                continue
            for i in range(w * 8, w * 8 + 8):
                if marks[i] == 0:
                    continue
                hit = position + i
                while row_stop <= hit:
                    row += 1
                    row_stop = offsets[row + 1]
                if out[row - first_row] or not string_starts_with(data, hit, row_stop, needle):
                    continue
                if string_like(data, offsets[row], row_stop, tokens, kinds):
                    out[row - first_row] = True
                    matches += 1
        position += count
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
