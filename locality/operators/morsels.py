"""The rows of a segment that a worker takes at a time, whole blocks of them, and what is left out between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from locality.operators.codegen.block import BLOCK

Bits = npt.NDArray[np.bool_]
Ints64 = npt.NDArray[np.int64]
#: Rows: int64, shape (ranges, 2), the first row of each range and the one after its last, ascending.
Ranges = npt.NDArray[np.int64]
#: The rows of each segment that has some, by its number.
Rows = dict[int, Ranges]

#: Rows without a match that are worth another range to leave out.
_LEAST_GAP = 128


@dataclass(frozen=True, eq=False)
class Morsel:
    """Some rows of a segment, and which kernel runs over them with which arguments."""

    segment: int
    parts: Ranges
    kernel: int

    @property
    def start(self) -> int:
        """The first row."""
        return int(self.parts[0, 0])

    @property
    def stop(self) -> int:
        """The row after the last."""
        return int(self.parts[-1, 1])

    @cached_property
    def rows(self) -> int:
        return count_rows(self.parts)

    def cut(self, first: int, last: int) -> Morsel:
        """Its rows from number ``first`` up to ``last``, that one left out, counted without those between the parts."""
        if len(self.parts) == 1:
            return replace(self, parts=np.array([(self.start + first, self.start + last)], np.int64))
        starts, stops = self.parts.T
        ends = np.cumsum(stops - starts)
        before = ends - (stops - starts)
        met = slice(int(ends.searchsorted(first, side="right")), int(before.searchsorted(last)))
        parts = self.parts[met].copy()
        parts[0, 0] += first - before[met.start]
        parts[-1, 1] -= max(int(ends[met.stop - 1]) - last, 0)
        return replace(self, parts=parts)


def count_rows(ranges: Ranges) -> int:
    """How many rows there are in all ranges."""
    return int((ranges[:, 1] - ranges[:, 0]).sum())


def parts_met(ranges: Ranges, rows: int) -> Ints64:
    """The numbers of the parts of so many ``rows`` that ranges have rows of, ascending."""
    first = ranges[:, 0] // rows
    met = (ranges[:, 1] - 1) // rows - first + 1
    return np.unique(np.arange(int(met.sum())) + np.repeat(first - (np.cumsum(met) - met), met))


def morsels_of(segment: int, kernel: int, ranges: Ranges, most: int, span: int) -> Iterator[Morsel]:
    """Morsels of at most ``most`` rows, from the first to the last row of one at most ``span``."""
    ranges = _cut(ranges, min(most, span))
    starts, stops = ranges.T
    ends = np.cumsum(stops - starts)
    first, before = 0, 0
    while first < len(ranges):
        last = min(ends.searchsorted(before + most, side="right"), stops.searchsorted(starts[first] + span, "right"))
        yield Morsel(segment, ranges[first:last], kernel)
        first, before = int(last), ends[last - 1]


def _cut(ranges: Ranges, most: int) -> Ranges:
    """The same rows, those of each range in as few even ranges of whole blocks as ``most`` allows."""
    rows = ranges[:, 1] - ranges[:, 0]
    if len(ranges) == 1:
        ((start, stop),) = ranges.tolist()
        step = even_step(stop - start, most)
        return np.array([(cut, min(cut + step, stop)) for cut in range(start, stop, step)], np.int64)
    if rows.max() <= most:
        return ranges
    parts = -(-rows // most)
    steps = np.minimum(-(-rows // (parts * BLOCK)) * BLOCK, most)
    parts = -(-rows // steps)
    numbers = np.arange(int(parts.sum())) - np.repeat(np.cumsum(parts) - parts, parts)
    starts = np.repeat(ranges[:, 0], parts) + numbers * np.repeat(steps, parts)
    return np.column_stack((starts, np.minimum(starts + np.repeat(steps, parts), np.repeat(ranges[:, 1], parts))))


def runs_of(possible: Bits, rows: int, total: int) -> Ranges:
    """The ranges of the possible ones among parts of so many ``rows``, of ``total`` in all.

    A gap that is not worth another range is run too.
    """
    parts = np.flatnonzero(possible)
    if not len(parts):
        return np.empty((0, 2), np.int64)
    first, last = int(parts[0]), int(parts[-1])
    if last - first < len(parts):
        return np.array([(first * rows, min((last + 1) * rows, total))], np.int64)
    gaps = np.flatnonzero(np.diff(parts) > max(_LEAST_GAP // rows, 1))
    starts, ends = parts[np.append(0, gaps + 1)], parts[np.append(gaps, len(parts) - 1)] + 1
    return np.column_stack((starts * rows, np.minimum(ends * rows, total)))


def common(ours: Ranges, theirs: Ranges) -> Ranges:
    """The rows in ranges of both."""
    if not len(theirs) or (len(ours) == 1 and ours[0, 0] <= theirs[0, 0] and ours[0, 1] >= theirs[-1, 1]):
        return theirs  # as where ours are all rows of a segment
    first, last = theirs[:, 1].searchsorted(ours[:, 0], "right"), theirs[:, 0].searchsorted(ours[:, 1])
    if len(ours) == 1:
        return np.minimum(np.maximum(theirs[int(first[0]) : int(last[0])], ours[0, 0]), ours[0, 1])
    met = np.maximum(last - first, 0)
    mine = np.repeat(np.arange(len(ours)), met)
    other = np.arange(len(mine)) + np.repeat(first - (np.cumsum(met) - met), met)
    return np.column_stack((np.maximum(ours[mine, 0], theirs[other, 0]), np.minimum(ours[mine, 1], theirs[other, 1])))


def clipped(morsel: Morsel, left: Ranges | None) -> Morsel | None:
    """A morsel without the rows that are not left, if not all are; None if none of it is left."""
    if left is None:
        return morsel
    parts = common(morsel.parts, left)
    return Morsel(morsel.segment, parts, morsel.kernel) if len(parts) else None


def even_step(rows: int, most: int) -> int:
    """Rows of the parts when ``rows`` are cut into as few even ones of whole blocks as ``most`` allows."""
    parts = math.ceil(rows / most)
    return min(math.ceil(rows / parts / BLOCK) * BLOCK, most)
