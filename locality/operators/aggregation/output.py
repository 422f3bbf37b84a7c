"""The groups of an aggregation as rows whose columns are computed when they are read, of all groups or of a few.

A HAVING reads one aggregate and keeps few groups: keys and other aggregates are then finished for these alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from locality import memory
from locality.encodings import EncodedColumn, counted, slice_column, take
from locality.kernel.loader import primitive
from locality.operators.aggregation.accumulators import Slots
from locality.operators.aggregation.aggregates import Planned
from locality.operators.aggregation.having import CellTest, keep_passing
from locality.operators.physical import Execution
from locality.operators.relations.batch import Batch, Deferred, interval_of
from locality.operators.relations.relation import Positions, Relation, is_integer
from locality.plan.intervals import INT64_MAX, INT64_MIN, Interval
from locality.types import DataType

AnyArray = npt.NDArray[Any]
_GROUPS = "the groups of an aggregation"
#: Groups up to which sums that might have been beyond 64 bits are looked at, because kernels read those that are not.
_MOST_MEASURED = 1 << 18


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups after all of their rows.

    keys: as their grouping writes them, shape (groups,) or (groups, words). integers, floats: the slots' cells, shapes
    (groups, slots).
    """

    keys: AnyArray
    integers: AnyArray
    floats: AnyArray

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + self.integers.nbytes + self.floats.nbytes

    def copy(self) -> Groups:
        """The same in arrays of its own."""
        return Groups(self.keys.copy(), self.integers.copy(), self.floats.copy())

    def at(self, rows: Positions | slice) -> Groups:
        """Some of the groups."""
        return Groups(self.keys[rows], self.integers[rows], self.floats[rows])


def no_groups(slots: Slots, *words: int) -> Groups:
    """Groups of no row at all, whose keys have so many words."""
    return Groups(
        np.empty((0, *words), np.int64), np.empty((0, len(slots.integers)), np.int64), np.empty((0, len(slots.floats)))
    )


def groups_with_rows(
    integers: AnyArray,
    floats: AnyArray,
    slots: Slots,
    first: int,
    tests: Sequence[CellTest] = (),
    complete: tuple[int, int] = (INT64_MIN, INT64_MAX),
) -> Groups:
    """Those groups of a state, the first of which is number ``first``, that have rows: the first integer slot tells.

    Those from the first to the last that are ``complete``, numbered from 0, may be left out where they fail ``tests``.

    Integers and floats are cells of shape (groups + 1, slots); the last row is left out. Compiled, so that workers do
    it side by side.
    """
    numbers = np.empty(len(integers), np.int64)
    count = keep_passing(tests, integers, numbers, primitive("number_rows")(integers, 0, numbers), complete)
    kept, kept_floats = np.empty((len(slots.integers), count), np.int64), np.empty((len(slots.floats), count))
    primitive("keep_rows")(integers, numbers, count, kept)
    if slots.floats:
        primitive("keep_rows")(floats, numbers, count, kept_floats)
    return Groups(numbers[:count] + first, kept.T, kept_floats.T)


def concat_groups(parts: Sequence[Groups], execution: Execution) -> Groups:
    """The parts end to end, copied side by side; at least one part.

    Cells come out slot by slot, because that is how they are read.
    """
    starts = np.cumsum([0, *(len(part) for part in parts)])
    total = int(starts[-1])
    first = parts[0]
    keys = memory.empty((total, *first.keys.shape[1:]), np.int64, _GROUPS)
    integers, floats = (
        memory.empty((first.integers.shape[1], total), np.int64, _GROUPS).T,
        memory.empty((first.floats.shape[1], total), np.float64, _GROUPS).T,
    )

    def copy(worker: int, number: int) -> None:
        rows = slice(starts[number], starts[number + 1])
        part = parts[number]
        keys[rows] = part.keys
        for cells, more in ((integers, part.integers), (floats, part.floats)):
            for slot in range(cells.shape[1]):
                cells[rows, slot] = more[:, slot]

    execution.run(range(len(parts)), copy)
    return Groups(keys, integers, floats)


#: Computes one column of the output.
FinishGroups = Callable[[Groups], EncodedColumn]


@dataclass(frozen=True, eq=False)
class GroupsSegment:
    """Groups as the one segment of a relation; ``finish`` has an entry a column."""

    groups: Groups
    finish: Sequence[FinishGroups]
    _finished: dict[int, EncodedColumn] = field(default_factory=dict)

    @property
    def row_count(self) -> int:
        return len(self.groups)

    @property
    def zone_rows(self) -> int:
        return max(len(self.groups), 1)

    def column(self, index: int) -> EncodedColumn:
        if index not in self._finished:
            self._finished[index] = counted(self.finish[index](self.groups))
        return self._finished[index]

    def take(self, index: int, rows: Positions) -> EncodedColumn:
        if index in self._finished:
            return take(self._finished[index], rows)
        return counted(self.finish[index](self.groups.at(rows)))

    def part(self, index: int, rows: slice) -> EncodedColumn:
        """Rows of a column that follow one another."""
        if index in self._finished:
            return slice_column(self._finished[index], rows.start, rows.stop)
        return counted(self.finish[index](self.groups.at(rows)))

    def width(self, index: int) -> float:
        """A word for what a column is finished from, if it is not finished."""
        return 8.0

    def zones(self, index: int) -> None:
        return None

    def is_ready(self, index: int) -> bool:
        return index in self._finished

    def origin(self, index: int) -> None:
        return None


def batch_of_groups(
    groups: Groups,
    types: Sequence[DataType],
    intervals: Sequence[Interval | None],
    decode: Callable[[AnyArray, int], EncodedColumn],
    aggregates: Sequence[Planned],
) -> Batch:
    """A row a group, its keys first; ``decode`` gives the key at a position from all keys.

    Raises Unsupported for aggregates whose result may be an error, if it is one for some group.
    """

    def key(position: int) -> FinishGroups:
        return lambda groups: decode(groups.keys, position)

    def aggregate(planned: Planned) -> FinishGroups:
        return lambda groups: planned.finish(groups.integers, groups.floats)

    keys = len(types) - len(aggregates)
    finish = (*(key(position) for position in range(keys)), *(aggregate(planned) for planned in aggregates))
    segment = GroupsSegment(groups, finish)
    intervals = list(intervals)
    for position, planned in enumerate(aggregates, keys):
        is_unknown = intervals[position] is None and is_integer(types[position]) and len(groups) <= _MOST_MEASURED
        if planned.may_fail or is_unknown:
            column = segment.column(position)
            intervals[position] = interval_of(column) if is_unknown else intervals[position]
    width = float(sum(dtype.row_bytes for dtype in types))
    relation = Relation("", tuple(types), tuple(intervals), (segment,), width)
    return Batch(tuple(Deferred(relation, i, None) for i in range(len(types))), len(groups), tuple(intervals))
