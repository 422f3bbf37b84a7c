"""Window functions over rows in order: spans of equal rows, ends of ranges, sums and extremes of any frame.

Frames are half-open ranges of positions. Those that are no prefix of sums are answered by a segment tree in which node
``i`` covers nodes ``2 i`` and ``2 i + 1``, and row ``k`` of n is node ``n + k`` (Leis et al., Efficient Processing of
Window Functions in Analytical SQL Queries, VLDB 2015). A frame that grew by few rows is the last one and these.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .types import Boolean, Bools, Floats, Integer, Ints64, Real

#: Rows that are added to the last frame's result rather than asking the tree.
_FEW = 32


@jit
def find_spans(begins: Bools, first: Ints64, after: Ints64) -> Integer:
    """Writes the span of each row, from ``first`` up to ``after``; ``begins`` marks the rows that open one.

    Returns how many spans there are.
    """
    spans = 0
    start = 0
    for i in range(len(begins)):
        if begins[i]:
            start = i
            spans += 1
        first[i] = start
    stop = len(begins)
    for i in range(len(begins) - 1, -1, -1):
        after[i] = stop
        if begins[i]:
            stop = i
    return spans


@jit
def search_spans(keys: Ints64, bounds: Ints64, first: Ints64, after: Ints64, above: Boolean, found: Ints64) -> Integer:
    """Finds, from ``first`` up to ``after``, the first key not below a row's bound; if ``above``, the first beyond it.

    Keys ascend within each span; a row without such a key gets ``after``.
    """
    for i in range(len(bounds)):
        low, high = first[i], after[i]
        while low < high:
            middle = (low + high) >> 1
            if keys[middle] < bounds[i] or (above and keys[middle] == bounds[i]):
                low = middle + 1
            else:
                high = middle
        found[i] = low
    return len(bounds)


@jit
def build_sums(tree: Floats) -> Integer:
    """Fills the inner nodes of a tree of sums, whose second half are the rows."""
    rows = len(tree) // 2
    for i in range(rows - 1, 0, -1):
        tree[i] = tree[2 * i] + tree[2 * i + 1]
    return rows


@jit
def _sum_of(tree: Floats, begin: Integer, end: Integer) -> Real:
    total = 0.0
    low, high = begin + len(tree) // 2, end + len(tree) // 2
    while low < high:
        if low & 1:
            total += tree[low]
            low += 1
        if high & 1:
            high -= 1
            total += tree[high]
        low >>= 1
        high >>= 1
    return total


@jit
def sum_frames(tree: Floats, begin: Ints64, end: Ints64, totals: Floats) -> Integer:
    """The sum of each frame."""
    rows = len(tree) // 2
    for i in range(len(begin)):
        if i > 0 and begin[i] == begin[i - 1] and 0 <= end[i] - end[i - 1] <= _FEW:
            total = totals[i - 1]
            for k in range(end[i - 1], end[i]):
                total += tree[rows + k]
            totals[i] = total
        else:
            totals[i] = _sum_of(tree, begin[i], end[i])
    return len(begin)


@jit
def lesser(keys: Ints64, left: Integer, right: Integer) -> Integer:
    """The position of the lesser key, the first one of equal ones; -1 stands for none."""
    if left < 0 or right < 0:
        return max(left, right)
    if keys[left] == keys[right]:
        return min(left, right)
    return right if keys[right] < keys[left] else left


@jit
def build_minima(keys: Ints64, tree: Ints64) -> Integer:
    """Fills the inner nodes of a tree of positions of least keys, whose second half are the rows, or -1 for none."""
    rows = len(tree) // 2
    for i in range(rows - 1, 0, -1):
        tree[i] = lesser(keys, tree[2 * i], tree[2 * i + 1])
    return rows


@jit
def _minimum_of(keys: Ints64, tree: Ints64, begin: Integer, end: Integer) -> Integer:
    best = np.int64(-1)
    low, high = begin + len(tree) // 2, end + len(tree) // 2
    while low < high:
        if low & 1:
            best = lesser(keys, best, tree[low])
            low += 1
        if high & 1:
            high -= 1
            best = lesser(keys, best, tree[high])
        low >>= 1
        high >>= 1
    return best


@jit
def minimum_frames(keys: Ints64, tree: Ints64, begin: Ints64, end: Ints64, positions: Ints64) -> Integer:
    """The position of the least key of each frame, or -1, joined with what ``positions`` already holds."""
    rows = len(tree) // 2
    last = np.int64(-1)
    for i in range(len(begin)):
        if i > 0 and begin[i] == begin[i - 1] and 0 <= end[i] - end[i - 1] <= _FEW:
            for k in range(end[i - 1], end[i]):
                last = lesser(keys, last, tree[rows + k])
        else:
            last = _minimum_of(keys, tree, begin[i], end[i])
        positions[i] = lesser(keys, positions[i], last)
    return len(begin)
