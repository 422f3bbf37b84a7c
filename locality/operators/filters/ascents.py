"""Ranges of a column whose rows ascend in few runs, as keys do in a table that was put in another order.

Rows keep their order where the columns that a table is sorted by are equal: the orders of each day ascend by their
keys. In each of these runs a range of keys is one range of rows, which two searches find, and the pass over the rows
does not read the keys at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.kernel.loader import primitive
from locality.operators.filters.filter import CodeTest
from locality.operators.morsels import Ranges, Rows
from locality.operators.relations.meanings import bounds_of, memo_of
from locality.operators.relations.relation import Relation, Segment
from locality.storage.lookups import bounds_of_intervals

Ints64 = npt.NDArray[np.int64]

#: Rows of a run on average at least: more runs take as long as reading the column.
_LEAST_RUN = 128
#: Rows of each segment that tell whether it is worth looking at all of them.
_SAMPLE = 4096
#: Rows that pass on average of a run at least: of fewer, lists of where each value lies tell as much.
_LEAST_FOUND = 4
#: Encodings with a code a row.
_BY_ROW = frozenset({"plain", "frame", "scaled"})


@dataclass(frozen=True, eq=False)
class Ascents:
    """starts: the first row of each ascending run of each segment, then how many rows the segment has."""

    starts: tuple[Ints64, ...]

    @property
    def runs(self) -> int:
        return sum(len(starts) - 1 for starts in self.starts)


def rows_of_runs(relation: Relation, test: CodeTest) -> Rows | None:
    """The rows that pass a test of one interval, run by run; None where reading the column takes no longer."""
    index = test.index
    if not bounds_of(relation, index) or relation.link_of(index) is not None:  # not stored: other rows come next time
        return None
    if any(each.null or len(each.intervals) > 1 for each in test.sets.values()):
        return None
    ascents = memo_of(relation, index).once(("ascents", index), lambda: _ascents(relation, index))
    if ascents is None or relation.row_count * test.share < _LEAST_FOUND * ascents.runs:
        return None
    found = {
        number: _found(segment, test, starts)
        for number, (segment, starts) in enumerate(zip(relation.segments, ascents.starts, strict=True))
    }
    return {number: ranges for number, ranges in found.items() if len(ranges)}


def _found(segment: Segment, test: CodeTest, starts: Ints64) -> Ranges:
    """The rows of a segment that pass, a range for each run that has some."""
    codes = segment.column(test.index).codes
    low, high = bounds_of_intervals(test.set_of(segment).intervals)
    if not len(low):
        return np.empty((0, 2), np.int64)
    firsts, ends = np.empty(len(starts) - 1, np.int64), np.empty(len(starts) - 1, np.int64)
    primitive("find_in_runs")(codes, starts, int(low[0]), int(high[0]), firsts, ends)
    passing = firsts < ends
    return np.column_stack((firsts[passing], ends[passing]))


def _ascents(relation: Relation, index: int) -> Ascents | None:
    """None where the runs are many, or codes tell no order."""
    starts: list[Ints64] = []
    for segment in relation.segments:
        column = segment.column(index)
        codes = column.codes
        if column.encoding not in _BY_ROW or codes is None or column.validity is not None or codes.ndim != 1:
            return None
        if codes.dtype.kind not in "iu" or codes.dtype == np.uint64 or not _has_few(codes[:_SAMPLE]):
            return None
        descents = np.flatnonzero(codes[1:] < codes[:-1]) + 1
        if len(descents) * _LEAST_RUN > len(codes):
            return None
        firsts = np.append(0, descents)[: len(codes)]  # a segment without rows has no run
        starts.append(np.append(firsts, len(codes)))
    return Ascents(tuple(starts))


def _has_few(codes: npt.NDArray[Any]) -> bool:
    """Whether the first rows do not descend much more often than all may."""
    return int(np.count_nonzero(codes[1:] < codes[:-1])) * _LEAST_RUN <= 2 * len(codes)
