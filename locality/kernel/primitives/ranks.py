"""A set of small integers as bits with running counts: a member's rank is found without a search.

- ``bits``, shape (ceil(size / 64),) at least, and at least one bit more than there are possible members: a bit each.
- ``counts``, as long: how many members come before each word of bits.

That is a bit and a half for each possible member, so a set over millions of keys stays in the cache where a table of
positions would not (rank and select over bit vectors: Jacobson, 1989). Whether a number is a member, which most rows of
a join only ask, is told by the bits alone.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .types import Boolean, Elements, Integer, Ints32, Ints64

_ONE = np.uint64(1)
_SIX = np.uint64(6)
_LAST = np.uint64(63)
_PAIRS = np.uint64(0x5555555555555555)
_FOURS = np.uint64(0x3333333333333333)
_BYTES = np.uint64(0x0F0F0F0F0F0F0F0F)
_SUM = np.uint64(0x0101010101010101)


@jit
def count_bits(word: Integer) -> Integer:
    """How many bits of a uint64 are set; LLVM knows the idiom and makes one instruction of it."""
    word = word - ((word >> _ONE) & _PAIRS)
    word = (word & _FOURS) + ((word >> np.uint64(2)) & _FOURS)
    word = (word + (word >> np.uint64(4))) & _BYTES
    return np.int64((word * _SUM) >> np.uint64(56))


@jit
def enter_members(numbers: Ints64, bits: Ints64, counts: Ints32) -> Integer:
    """Sets the bits of ``numbers`` (negative ones are left out) and counts them up; returns how many members there are.

    ``bits`` come in as zeros. The result is negative, the number of members less 1, if ``numbers`` are not strictly
    ascending: then a rank is not yet a position.
    """
    ascending = True
    last = np.int64(-1)
    for i in range(len(numbers)):
        number = numbers[i]
        ascending &= number > last
        last = number
        if number >= 0:
            bits[number >> 6] |= np.int64(_ONE << np.uint64(number & 63))
    members = 0
    for w in range(len(bits)):
        counts[w] = members
        members += count_bits(np.uint64(bits[w]))
    return members if ascending else -members - 1


@jit
def has_member(bits: Ints64, number: Integer) -> Boolean:
    """Whether ``number`` is a member; none that is negative or beyond the bits. No branch: loops of it vectorise."""
    place = min(np.uint64(number), np.uint64(64 * len(bits) - 1))  # the last bit is nobody's
    return (np.uint64(bits[place >> _SIX]) >> (place & _LAST)) & _ONE != np.uint64(0)


@jit
def find_rank(bits: Ints64, counts: Ints32, number: Integer) -> Integer:
    """The rank of ``number`` among the members; -1 if it is none, see :func:`has_member`."""
    place = min(np.uint64(number), np.uint64(64 * len(bits) - 1))
    word = np.uint64(bits[place >> _SIX])
    shift = place & _LAST
    rank = counts[place >> _SIX] + count_bits(word & ((_ONE << shift) - _ONE))
    return rank if (word >> shift) & _ONE else np.int64(-1)


@jit
def find_ranks(bits: Ints64, counts: Ints32, numbers: Ints64, ranks: Ints64) -> Integer:
    """The rank of each number, as :func:`find_rank` gives it; may be done in place. Returns how many are members."""
    members = 0
    for i in range(len(numbers)):
        ranks[i] = find_rank(bits, counts, numbers[i])
        members += ranks[i] >= 0
    return members


@jit
def group_rows(ranks: Ints64, starts: Ints32, rows: Ints32) -> Integer:
    """Lists the rows by rank: those of rank r, ascending, are ``rows[starts[r] : starts[r + 1]]``.

    ``starts``, shape (ranks + 2,), comes in as zeros; its last element is not used. Rows of rank -1 are left out.
    Returns the most rows that any rank has; as a negative number if all rows are in this order already, and then
    ``rows`` are not written.
    """
    in_order = True
    last = np.int64(0)
    for i in range(len(ranks)):
        in_order &= ranks[i] >= last
        last = ranks[i]
        if last >= 0:
            starts[last + 2] += 1
    most = 0
    for r in range(2, len(starts)):
        most = max(most, starts[r])
        starts[r] += starts[r - 1]
    if in_order:
        for r in range(len(starts) - 1):
            starts[r] = starts[r + 1]
        return -most
    for i in range(len(ranks)):
        if ranks[i] >= 0:
            rows[starts[ranks[i] + 1]] = i
            starts[ranks[i] + 1] += 1
    return most


@jit
def count_matches(ranks: Ints64, starts: Ints32, outer: Integer) -> Integer:
    """How many pairs :func:`write_matches` will write."""
    pairs = np.int64(0)
    for i in range(len(ranks)):
        if ranks[i] >= 0:
            pairs += starts[ranks[i] + 1] - starts[ranks[i]]
        else:
            pairs += outer
    return pairs


@jit
def write_matches(
    ranks: Ints64, starts: Ints32, rows: Ints32, outer: Integer, left: Elements, right: Elements
) -> Integer:
    """Every row i with every row of rank ``ranks[i]``, as pairs in ``left`` and ``right``; returns how many.

    A row of rank -1 is left out, or paired with -1 if ``outer`` is 1.
    """
    pairs = 0
    for i in range(len(ranks)):
        rank = ranks[i]
        if rank >= 0:
            for k in range(starts[rank], starts[rank + 1]):
                left[pairs] = i
                right[pairs] = rows[k]
                pairs += 1
        elif outer:
            left[pairs] = i
            right[pairs] = -1
            pairs += 1
    return pairs
