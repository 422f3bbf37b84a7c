"""Grouping by a key that the rows' order clusters: each morsel meets only a narrow range of groups.

Keys that follow the order of the rows (an order's number in its lines, a time of arrival) need no hash table and no
state for all groups: the zones' bounds of the key give each morsel's range, its state stays in the cache, and only
groups that span two morsels are added up at the end.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.operators.aggregation.accumulators import Cells, Slots, combine, fresh
from locality.operators.aggregation.grouping import DenseGroups
from locality.operators.aggregation.output import Groups, concat_groups, groups_with_rows, no_groups
from locality.operators.morsels import Morsel
from locality.operators.physical import Execution
from locality.operators.relations.relation import Relation, Segment
from locality.plan.expressions import ColumnRef

#: Groups in the ranges of all zones, as a multiple of the rows: beyond it the key is not clustered.
_MOST_SPREAD = 2
#: State of one morsel that still stays in a core's share of the cache.
_MOST_MORSEL_BYTES = 32 << 20


@dataclass(frozen=True, eq=False)
class Clusters:
    """Bounds of the leading key's values in each zone of each segment: int64 arrays, one a segment.

    low, stride: the leading key's, as numbered by the grouping.
    """

    minimum: tuple[npt.NDArray[np.int64], ...]
    maximum: tuple[npt.NDArray[np.int64], ...]
    zone_rows: tuple[int, ...]
    low: int
    stride: int

    def window(self, morsel: Morsel) -> tuple[int, int]:
        """The first group that a morsel's rows can be of, and how many groups from there on."""
        rows = self.zone_rows[morsel.segment]
        zones = slice(morsel.start // rows, -(-morsel.stop // rows))
        first = int(self.minimum[morsel.segment][zones].min())
        last = int(self.maximum[morsel.segment][zones].max())
        return (first - self.low) * self.stride, max(last - first + 1, 0) * self.stride


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

    def groups_with_rows(self, groups: int, first: int) -> Groups:
        """Those of the ``groups``, the first of which is number ``first``, that have rows."""
        return groups_with_rows(*self._state(groups), self._slots, first)

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
    minimum, maximum = [], []
    for segment in relation.segments:
        bounds = _value_bounds(segment, lead.expression.index)
        if bounds is None:
            return None
        minimum.append(bounds[0])
        maximum.append(bounds[1])
    zone_rows = tuple(segment.zone_rows for segment in relation.segments)
    spread = sum(int((high - low + 1).sum()) for low, high in zip(minimum, maximum, strict=True)) * lead.stride
    widest = max((int((high - low + 1).max()) for low, high in zip(minimum, maximum, strict=True)), default=0)
    if spread > _MOST_SPREAD * relation.row_count or 4 * widest * lead.stride * group_bytes > _MOST_MORSEL_BYTES:
        return None
    return Clusters(tuple(minimum), tuple(maximum), zone_rows, lead.low, lead.stride)


def _value_bounds(segment: Segment, index: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
    zones = segment.zones(index)
    if zones is None or zones.minimum is None or zones.maximum is None or zones.nulls.any():
        return None
    base, factor = _scale(segment.column(index))
    return zones.minimum * factor + base, zones.maximum * factor + base


def _scale(column: EncodedColumn) -> tuple[int, int]:
    """What turns the zones' codes into values."""
    return (0, 1) if column.encoding == "plain" else (column.base, column.factor)
