"""Predicates over a block of strings in lower case, for patterns of ASCII: what LIKE says of ``lower(x)``, and ILIKE.

Letters of ASCII are folded as strings are copied, in one vectorised loop. Beyond ASCII two characters have a letter of
it in lower case, the Kelvin sign and the dotted capital I; all others are told from the pattern's in either case.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .search import like_block
from .types import Boolean, Bools, Bytes, Integer, Ints64

#: Words of bytes that are folded at a time: they stay in the cache. Most places where strings of these begin or end.
_WORDS = 1 << 12
_BOUNDS = (1 << 10) + 1
_UPPER_A = np.uint8(ord("A"))
_LETTERS = np.uint8(26)
_I, _K = np.uint8(ord("i")), np.uint8(ord("k"))


@jit
def fold_block(data: Bytes, offsets: Ints64, first_row: Integer, n: Integer, folded: Bytes, bounds: Ints64) -> Integer:
    """Writes ``n`` strings in lower case to ``folded``, and where each begins and the last ends to ``bounds``.

    Returns the number of bytes.
    """
    start = offsets[first_row]
    octets = data[start : offsets[first_row + n]]
    seen = np.uint8(0)
    for i in range(len(octets)):
        octet = octets[i]
        seen |= octet
        folded[i] = octet | np.uint8((np.uint8(octet - _UPPER_A) < _LETTERS) << 5)
    for i in range(n + 1):
        bounds[i] = offsets[first_row + i] - start
    return len(octets) if seen < 128 else _fold_signs(n, folded, bounds)


@jit
def _fold_signs(n: Integer, folded: Bytes, bounds: Ints64) -> Integer:
    """Replaces the two characters that are letters of ASCII in lower case."""
    place = 0
    begin = bounds[0]
    for i in range(n):
        stop = bounds[i + 1]
        bounds[i] = place
        while begin < stop:
            octet = folded[begin]
            if octet == 0xE2 and begin + 2 < stop and folded[begin + 1] == 0x84 and folded[begin + 2] == 0xAA:
                octet = _K
                begin += 2
            elif octet == 0xC4 and begin + 1 < stop and folded[begin + 1] == 0xB0:
                octet = _I
                begin += 1
            folded[place] = octet
            place += 1
            begin += 1
    bounds[n] = place
    return place


@jit
def folded_like_block(
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
    """:func:`~locality.kernel.primitives.search.like_block` of the strings in lower case; -1 if one is too long."""
    folded = np.empty(_WORDS, np.uint64).view(np.uint8)
    bounds = np.empty(_BOUNDS, np.int64)
    matches = 0
    done = 0
    while done < n:
        row = first_row + done
        count = 0
        while done + count < n and count + 1 < _BOUNDS and offsets[row + count + 1] - offsets[row] <= len(folded):
            count += 1
        if count == 0:
            return -1
        fold_block(data, offsets, row, count, folded, bounds)
        found = out[done : done + count]
        matches += like_block(folded, bounds, 0, count, needle, probes, tokens, kinds, rest, found)
        done += count
    return matches
