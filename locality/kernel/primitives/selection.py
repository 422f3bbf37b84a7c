"""Selection vectors: the positions of a block's rows that are still alive."""

from __future__ import annotations

import numpy as np

from . import jit
from .ranks import count_bits
from .types import Boolean, Bools, Elements, Integer

#: Times eight bytes that are 0 or 1, this has them as bits in its last byte.
_GATHER = np.uint64(0x0102040810204080)
_LAST_BYTE = np.uint64(56)
_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@jit
def lowest_bit(word: Integer) -> Integer:
    """The position of the lowest set bit of a uint64; 64 if there is none."""
    return count_bits((word ^ _ALL) & (word - _ONE))


@jit
def choose(condition: Boolean, then: Integer, otherwise: Integer) -> Integer:
    """``then`` or ``otherwise``, both computed: what a vectorised loop selects by a mask."""
    return then if condition else otherwise


@jit
def compact(mask: Bools, n: Integer, selection: Elements) -> Integer:
    """Writes the positions of the set rows of ``mask[:n]`` to ``selection``, ascending; returns how many there are.

    ``selection`` needs room for ``n`` positions. The bits of 64 rows become one word, whose set bits are taken out
    eight at a time without a branch between them; what is written past the last one is overwritten, or nobody's.
    """
    count = np.uint64(0)
    words = mask[: n // 64 * 64].view(np.uint64)
    for first in range(0, len(words), 8):
        bits = np.uint64(0)
        for byte in range(8):
            bits |= ((words[first + byte] * _GATHER) >> _LAST_BYTE) << np.uint64(8 * byte)
        place = count
        count += np.uint64(count_bits(bits))
        while place < count:
            for turn in range(8):
                selection[place + np.uint64(turn)] = 8 * first + lowest_bit(bits)
                bits &= bits - _ONE
            place += np.uint64(8)
    for i in range(n // 64 * 64, n):
        selection[count] = i
        count += np.uint64(mask[i])
    return np.int64(count)


@jit
def count_true(mask: Bools, n: Integer) -> Integer:
    """How many of ``mask[:n]`` are set; n < 2**31, as counting in 32 bits is twice as fast as in 64."""
    count = np.int32(0)
    for i in range(n):
        count = np.int32(count + mask[i])
    return np.int64(count)
