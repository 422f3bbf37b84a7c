"""Arrow's validity bitmaps (least significant bit first) as one byte a row."""

from __future__ import annotations

import numpy as np

from . import jit
from .types import Bytes, Elements, Integer

_ONES = np.uint64(0x0101010101010101)
_DIAGONAL = np.uint64(0x8040201008040201)
_CARRIES = np.uint64(0x7F7F7F7F7F7F7F7F)
_SEVEN = np.uint64(7)
_TOP_BYTE = np.uint64(56)


@jit
def expand_validity(bitmap: Bytes, first_row: Integer, n: Integer, out: Elements) -> Integer:
    """Writes bits ``first_row`` to ``first_row + n`` of ``bitmap`` to ``out[:n]`` as 0 or 1; returns how many are 1.

    ``out`` is an array of bool or uint8. From a row that begins a byte, as blocks do, eight rows at once are spread
    over a word, with plain 64-bit arithmetic that compiles to vector instructions.
    """
    done = 0
    total = np.int64(0)
    if first_row & 7 == 0:
        words = out[: n >> 3 << 3].view(np.uint64)
        octets = bitmap[first_row >> 3 : (first_row >> 3) + len(words)]
        count = np.uint64(0)
        for w in range(len(words)):
            word = ((((np.uint64(octets[w]) * _ONES) & _DIAGONAL) + _CARRIES) >> _SEVEN) & _ONES
            words[w] = word
            count += (word * _ONES) >> _TOP_BYTE
        done = len(words) << 3
        total = np.int64(count)
    for i in range(done, n):
        row = first_row + i
        bit = (np.int64(bitmap[row >> 3]) >> (row & 7)) & 1
        out[i] = bit
        total += bit
    return total
