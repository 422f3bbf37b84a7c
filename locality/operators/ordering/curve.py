"""Rows along a Hilbert curve through several columns: rows that lie together are near each other in every one of them.

A sort by several columns clusters the first and scatters the others. Along the curve each of n columns is clustered as
well as a sort by it alone would with the n-th root of the zones, so filters on any of them exclude zones.

The curve is Skilling's ("Programming the Hilbert curve", AIP Conference Proceedings 707, 2004), over ranks instead of
values: each column's rows are spread evenly, however skewed its values.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from locality.operators.ordering.fields import Field, Rows, Words
from locality.operators.ordering.order import Run, order_of
from locality.operators.ordering.words import WORD_BITS

#: Bits of a column's rank at most: cells are much smaller than zones long before.
_MOST_BITS = 12

Ranks = npt.NDArray[np.uint16]


def curve_field(columns: Sequence[Sequence[Field]], rows: int, run: Run) -> Field:
    """The place of each row on the curve through ``columns``, each given by its fields."""
    bits = min(_MOST_BITS, WORD_BITS // len(columns))
    ranks = [_ranks(fields, rows, bits, run) for fields in columns]

    def read(part: Rows) -> Words:
        return hilbert_index(np.stack([rank[part] for rank in ranks]).astype(np.uint64), bits)

    return Field(bits * len(columns), read)


def _ranks(fields: Sequence[Field], rows: int, bits: int, run: Run) -> Ranks:
    """Each row's rank among all by the fields, shape (rows,), scaled to ``bits``; equal rows rank by their place."""
    ranks = np.empty(rows, np.uint16)
    ranks[order_of(fields, rows, run).rows] = (np.arange(rows, dtype=np.uint64) << np.uint64(bits)) // max(rows, 1)
    return ranks


def hilbert_index(coordinates: Words, bits: int) -> Words:
    """Places on the Hilbert curve of points with integer coordinates below ``2 ** bits``.

    coordinates: shape (dimensions, points). Returns shape (points,), each below ``2 ** (bits * dimensions)``.
    """
    axes = [axis.copy() for axis in coordinates]
    for bit in reversed(range(1, bits)):
        _turn(axes, np.uint64(bit))
    for before, axis in itertools.pairwise(axes):
        axis ^= before
    flips = np.zeros_like(axes[-1])
    for bit in reversed(range(1, bits)):
        flips ^= np.where(axes[-1] >> np.uint64(bit) & np.uint64(1), np.uint64(2**bit - 1), np.uint64(0))
    for axis in axes:
        axis ^= flips
    index = np.zeros_like(axes[0])
    for bit in reversed(range(bits)):
        for axis in axes:
            index = index << np.uint64(1) | axis >> np.uint64(bit) & np.uint64(1)
    return index


def _turn(axes: Sequence[Words], bit: np.uint64) -> None:
    """Undoes one level of the curve: mirrors the first axis where a point's bit is set, else swaps it with the axis."""
    lower = (np.uint64(1) << bit) - np.uint64(1)
    first = axes[0]
    for axis in axes:
        is_set = (axis >> bit & np.uint64(1)).astype(np.bool_)
        swapped = np.where(is_set, np.uint64(0), (first ^ axis) & lower)
        first ^= np.where(is_set, lower, swapped)
        if axis is not first:
            axis ^= swapped
