"""Selection vectors: the positions of a block's rows that are still alive."""

from __future__ import annotations

import numpy as np

from . import jit
from .ranks import count_bits
from .types import Boolean, Bools, Bytes, Elements, Integer

#: Positions that a word of bits tells of.
STEP = 64
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
def word_at(mask: Bools, first: Integer) -> Integer:
    """The 64 elements of ``mask`` from ``first`` on as bits, the first one as the lowest; all must be there.

    Where the processor has masks, it is one comparison of vectors (:mod:`locality.kernel.lowering.intrinsics`).
    """
    word = np.uint64(0)
    for bit in range(64):
        word |= np.uint64(mask[first + bit]) << np.uint64(bit)
    return word


@jit
def equal_bytes(data: Bytes, first: Integer, byte: Integer) -> Integer:
    """Which of the 64 bytes from ``first`` on, all of which must be there, are ``byte``: bits, the first as the lowest.

    A comparison of vectors, as :func:`word_at`.
    """
    word = np.uint64(0)
    for bit in range(64):
        word |= np.uint64(data[first + bit] == byte) << np.uint64(bit)
    return word


@jit
def low_bits(count: Integer) -> Integer:
    """A uint64 of which the lowest ``count`` bits, fewer than 64, are set."""
    return (_ONE << np.uint64(count)) - _ONE


@jit
def prefetch(array: Elements, place: Integer) -> Integer:
    """Asks for the cache line of an element that a later loop reads: a hint, which Python has no use for."""
    return np.int64(0)


@jit
def prefetch_far(array: Elements, place: Integer) -> Integer:
    """As :func:`prefetch`, into the second-level cache: for what is read so late that it would crowd the first."""
    return np.int64(0)


@jit
def prefetch_lines(array: Elements, first: Integer, rows: Integer, step: Integer) -> Integer:
    """Asks for the cache lines, ``step`` elements each, of so many rows from an element on, for a later block."""
    for line in range(rows // step + 1):
        prefetch_far(array, first + line * step)
    return np.int64(0)


@jit
def compact(mask: Bools, n: Integer, selection: Elements) -> Integer:
    """Writes the positions of the set rows of ``mask[:n]`` to ``selection``, ascending; returns how many there are.

    ``selection`` needs room for ``n + 4`` positions. The set bits of 64 rows are taken out several at a time without a
    branch between them, the first few without any, as where few rows are left most words have none or one or two;
    what is written past the last one is overwritten, or nobody's.
    """
    count = np.uint64(0)
    for first in range(0, n // 64 * 64, 64):
        bits = word_at(mask, first)
        place = count
        count += np.uint64(count_bits(bits))
        for turn in range(4):
            selection[place + np.uint64(turn)] = first + lowest_bit(bits)
            bits &= bits - _ONE
        place += np.uint64(4)
        while place < count:
            for turn in range(8):
                selection[place + np.uint64(turn)] = first + lowest_bit(bits)
                bits &= bits - _ONE
            place += np.uint64(8)
    for i in range(n // 64 * 64, n):
        selection[count] = i
        count += np.uint64(mask[i])
    return np.int64(count)


@jit
def count_true(mask: Bools, n: Integer) -> Integer:
    """How many of ``mask[:n]`` are set."""
    count = np.int64(0)
    for first in range(0, n // 64 * 64, 64):
        count += count_bits(word_at(mask, first))
    for i in range(n // 64 * 64, n):
        count += np.int64(mask[i])
    return count
