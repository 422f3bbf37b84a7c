"""Pairs of rows by two inequalities: each left row with the right rows that come early in one order, late in another.

The left rows come by how many right rows, the first ones in the one order, they may go with (``ends``, ascending); of
these they go with those at a place of at least ``lows`` in the other order. ``places`` tells, in the one order, where
the right rows are in the other.
"""

from __future__ import annotations

from . import jit
from .types import Integer, Ints64


@jit
def count_late(ends: Ints64, lows: Ints64, places: Ints64, tree: Ints64, counts: Ints64) -> Integer:
    """How many right rows each left row goes with, into ``counts``; returns how many pairs there are.

    ``tree``, zeros, one more than there are right rows, counts places (Fenwick, 1994: a binary indexed tree).
    """
    entered = 0
    pairs = 0
    for i in range(len(ends)):
        while entered < ends[i]:
            node = places[entered] + 1
            while node < len(tree):
                tree[node] += 1
                node += node & -node
            entered += 1
        late = entered
        node = lows[i]
        while node > 0:
            late -= tree[node]
            node -= node & -node
        counts[i] = late
        pairs += late
    return pairs


@jit
def write_late(
    ends: Ints64, lows: Ints64, places: Ints64, before: Ints64, after: Ints64, starts: Ints64, rows: Ints64, out: Ints64
) -> Integer:
    """The right rows that each left row goes with, from ``starts`` of it on, into ``out``; returns how many.

    ``rows`` has the number of the right row at each place. ``before`` and ``after`` are room for links between places,
    one more than there are: the rows that a left row, the last one first, may go with are a list in order of places.
    """
    count = len(places)
    for place in range(count + 1):
        before[place] = place - 1
        after[place] = place + 1
    left = count
    pairs = 0
    for k in range(len(ends)):
        i = len(ends) - 1 - k
        while left > ends[i]:
            left -= 1
            place = places[left]
            before[after[place]] = before[place]
            if before[place] >= 0:
                after[before[place]] = after[place]
        place = before[count]
        position = starts[i]
        while place >= lows[i]:
            out[position] = rows[place]
            position += 1
            place = before[place]
        pairs += position - starts[i]
    return pairs
