"""Grouping by a key that the rows' order clusters: each morsel meets only a narrow range of groups.

Keys that follow the order of the rows (an order's number in its lines, a time of arrival) need no hash table and no
state for all groups: the zones' bounds of the key give each morsel's range, its state stays in the cache, and only
groups that span two morsels are added up at the end.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.operators.aggregation.accumulators import Cells, Slots, combine, fresh
from locality.operators.aggregation.grouping import DenseGroups
from locality.operators.aggregation.having import CellTest
from locality.operators.aggregation.matched import MatchedGroups
from locality.operators.aggregation.output import Groups, concat_groups, groups_with_rows, no_groups
from locality.operators.morsels import Morsel
from locality.operators.physical import Execution
from locality.operators.pipeline import MORSEL_ROWS
from locality.operators.relations.members import BitSet
from locality.operators.relations.relation import Relation, Segment
from locality.operators.sideways import ranks_within
from locality.plan.expressions import ColumnRef
from locality.plan.intervals import INT64_MAX, INT64_MIN
from locality.storage.zones import BLOCK_ROWS, ZONE_ROWS
from locality.types import Domain

Ints64 = npt.NDArray[np.int64]

#: Groups in the ranges of all zones, as a multiple of the rows: beyond it the key is not clustered.
_MOST_SPREAD = 2
#: State of one morsel that still stays in a core's share of the cache; and what it should be, which is passed in order.
_MOST_MORSEL_BYTES = 32 << 20
_MORSEL_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class PartBounds:
    """Bounds of the leading key's values in each part of a segment; rows: of a part, a zone or a block."""

    minimum: Ints64
    maximum: Ints64
    rows: int

    def widths(self, rows: int) -> Ints64:
        """How many values lie between the bounds of each so many rows."""
        starts = np.arange(0, len(self.minimum), rows // self.rows)
        widths: Ints64 = np.maximum.reduceat(self.maximum, starts) - np.minimum.reduceat(self.minimum, starts) + 1
        return widths


@dataclass(frozen=True, eq=False)
class Clusters:
    """Bounds of the leading key's values in each segment.

    low, stride: the leading key's, as numbered by the grouping.
    morsel_rows: the most rows whose groups' state stays in the second-level cache, at least a zone.
    """

    parts: tuple[PartBounds, ...]
    low: int
    stride: int
    morsel_rows: int

    def window(self, morsel: Morsel) -> tuple[int, int]:
        """The first group that a morsel's rows can be of, and how many groups from there on."""
        bounds = self.parts[morsel.segment]
        met = slice(morsel.start // bounds.rows, -(-morsel.stop // bounds.rows))
        first, last = int(bounds.minimum[met].min()), int(bounds.maximum[met].max())
        return (first - self.low) * self.stride, max(last - first + 1, 0) * self.stride

    def all_in_one(self, groups: int) -> Clusters:
        """The same where each morsel may have rows of all groups."""
        first, last = np.zeros(1, np.int64), np.full(1, groups - 1)
        parts = tuple(PartBounds(first, last, 2**62) for _ in self.parts)
        return replace(self, parts=parts, low=0, stride=1)

    def complete(self, morsels: Sequence[Morsel]) -> list[tuple[int, int]]:
        """Of each morsel, the first and the last group of which no other one can have rows."""
        windows = np.array([self.window(morsel) for morsel in morsels], dtype=np.int64).reshape(-1, 2)
        before = np.maximum.accumulate(np.append(INT64_MIN, windows.sum(axis=1)))[:-1]
        after = np.minimum.accumulate(np.append(INT64_MAX, windows[::-1, 0]))[:-1][::-1] - 1
        return list(zip(before.tolist(), after.tolist(), strict=True))


class Window:
    """One worker's state of a morsel's groups, used again for each: fresh memory costs more than clearing it does."""

    def __init__(self, slots: Slots, groups: int) -> None:
        """``groups``: the most that any morsel has."""
        state = fresh(slots.integers, groups + 1, np.int64), fresh(slots.floats, groups + 1, np.float64)
        self._fresh = tuple(cells if cells.any() else None for cells in state)
        self._cells = tuple(cells.copy() for cells in state)
        self._slots = slots

    def clear(self, groups: int) -> tuple[Cells, Cells]:
        """The state of ``groups`` groups, without any row."""
        integers, floats = self._state(groups)
        for cells, start in zip((integers, floats), self._fresh, strict=True):
            cells[:] = 0 if start is None else start[: groups + 1]
        return integers, floats

    def groups_with_rows(self, groups: int, first: int, tests: Sequence[CellTest], complete: tuple[int, int]) -> Groups:
        """Those of the ``groups``, the first of which is number ``first``, that have rows.

        Those from the first to the last that are ``complete`` may be left out where they fail ``tests``.
        """
        known = max(complete[0] - first, 0), min(complete[1] - first, groups)
        return groups_with_rows(*self._state(groups), self._slots, first, tests, known)

    def _state(self, groups: int) -> tuple[Cells, Cells]:
        integers, floats = self._cells
        return integers[: groups + 1], floats[: groups + 1]


def join(parts: Sequence[Groups], slots: Slots, execution: Execution) -> Groups:
    """The groups of all morsels, in the order of their rows, in ascending order of their numbers.

    Neighbours of ordered rows share one group at most, which is added up in place; copying is done side by side.
    """
    ordered: list[Groups] = []
    parts = [part for part in parts if len(part)] or [no_groups(slots)]
    if any(later.keys[0] < earlier.keys[-1] for earlier, later in itertools.pairwise(parts)):
        return Groups(
            *combine(
                np.concatenate([part.keys for part in parts]),
                np.concatenate([part.integers for part in parts]),
                np.concatenate([part.floats for part in parts]),
                slots,
            )
        )
    for part in parts:
        last = ordered[-1] if ordered else part
        if last is not part and last.keys[-1] == part.keys[0]:
            slots.add_rows(
                (last.integers, last.floats), np.array([len(last) - 1]), (part.integers[:1], part.floats[:1])
            )
            part = part.at(slice(1, None))
        if len(part) or not ordered:
            ordered.append(part)
    return concat_groups(ordered, execution)


def find_clusters(relation: Relation, groups: DenseGroups, group_bytes: int) -> Clusters | None:
    """The zones' ranges of the leading key, a column without NULLs; None if they overlap too much to help."""
    lead = groups.keys[0]
    if not isinstance(lead.expression, ColumnRef) or lead.nullable or lead.dictionary is not None:
        return None
    parts = []
    for segment in relation.segments:
        bounds = _value_bounds(segment, lead.expression.index)
        if bounds is None:
            return None
        parts.append(bounds)
    return _clusters(parts, lead.low, lead.stride, group_bytes, relation.row_count)


def find_matched_clusters(relation: Relation, groups: MatchedGroups, group_bytes: int) -> Clusters | None:
    """The zones' ranges of rows that a link by position, or by a key in its order, finds; None as above."""
    link = relation.links[groups.number]
    index = link.index
    if index is None or index.rows is not None or link.ranked is not None or not isinstance(index.members, BitSet):
        return None
    if len(link.keys) != 1 or index.parts[0].nulls:
        return None
    (key,) = link.keys
    if (
        not isinstance(key, ColumnRef)
        or relation.link_of(key.index) is not None
        or key.type.domain is not Domain.INTEGER
    ):
        return None
    parts = []
    for segment in relation.segments:
        bounds = _value_bounds(segment, key.index)
        if bounds is None:
            return None
        first, after = ranks_within(index, bounds.minimum, bounds.maximum)
        parts.append(PartBounds(first, after - 1, bounds.rows))
    return _clusters(parts, 0, 1, group_bytes, relation.row_count)


def _clusters(parts: Sequence[PartBounds], low: int, stride: int, group_bytes: int, rows: int) -> Clusters | None:
    """None if the ranges overlap too much, or one of them is too wide, to help."""
    group_bytes *= stride
    widths = [part.widths(ZONE_ROWS) for part in parts]
    widest = max((int(width.max()) for width in widths), default=0)
    if sum(int(width.sum()) for width in widths) * stride > _MOST_SPREAD * rows:
        return None
    if 4 * widest * group_bytes > _MOST_MORSEL_BYTES:
        return None
    morsel = ZONE_ROWS
    while morsel < MORSEL_ROWS and all(p.widths(2 * morsel).max() * group_bytes <= _MORSEL_BYTES for p in parts):
        morsel *= 2
    return Clusters(tuple(parts), low, stride, morsel)


def _value_bounds(segment: Segment, index: int) -> PartBounds | None:
    """Of each block, or of each zone where blocks have no bounds."""
    zones, rows = segment.zones(index), segment.zone_rows
    if zones is None or zones.nulls.any():
        return None
    if zones.blocks is not None:
        count = -(-segment.row_count // BLOCK_ROWS)
        zones, rows = zones.blocks, BLOCK_ROWS
    else:
        count = len(zones.nulls)
    if zones.minimum is None or zones.maximum is None:
        return None
    base, factor = _scale(segment.column(index))
    return PartBounds(zones.minimum[:count] * factor + base, zones.maximum[:count] * factor + base, rows)


def _scale(column: EncodedColumn) -> tuple[int, int]:
    """What turns the zones' codes into values."""
    return (0, 1) if column.encoding == "plain" else (column.base, column.factor)
