"""Joins with the nearest row: both sides in one order, in which each left row sees the right row before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, concat
from locality.encodings.bitmaps import to_mask
from locality.operators.ordering.fields import Field, fields_of
from locality.operators.ordering.order import SORT_BYTES, changes, order_of
from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.relations.batch import Batch, Deferred
from locality.operators.relations.relation import Positions, Relation
from locality.types import DataType

Mask = npt.NDArray[np.bool_]


class AsofJoin:
    """The first ``width`` columns of each side; after them come the keys, then the value by which rows are near.

    null_safe: for each key, whether NULL equals NULL. comparison: how a left value compares with that of its match.
    kind: which rows without a match are kept, with NULLs: see :class:`locality.plan.nodes.AsofJoin`.
    """

    def __init__(
        self,
        sides: tuple[Physical, Physical],
        widths: tuple[int, int],
        null_safe: Sequence[bool],
        comparison: str,
        kind: str,
    ) -> None:
        self._sides, self._widths, self._null_safe = sides, widths, tuple(null_safe)
        self._comparison, self._kind = comparison, kind

    @property
    def types(self) -> tuple[DataType, ...]:
        left, right = (side.types[:width] for side, width in zip(self._sides, self._widths, strict=True))
        return (*left, *right)

    def execute(self, execution: Execution) -> Batch:
        left, right = (side.execute(execution) for side in self._sides)
        with execution.measure("join") as traffic:
            matches = self._matches(left, right, execution)
            traffic.state += 2 * SORT_BYTES * (left.row_count + right.row_count)
            ours, theirs = (
                batch.select(range(width)) for batch, width in zip((left, right), self._widths, strict=True)
            )
            rows = np.arange(left.row_count)
            if self._kind in ("inner", "right"):
                rows = np.flatnonzero(matches >= 0)
            nearest = matches[rows]
            if self._kind in ("right", "full"):
                alone = np.setdiff1d(np.arange(right.row_count), matches)
                rows = np.concatenate((rows, np.full(len(alone), -1, np.int64)))
                nearest = np.concatenate((nearest, alone))
            traffic.rows = len(rows)
            mine = ours.as_relation()
            source = theirs.as_relation()
            columns = (*_at(mine, rows), *_at(source, nearest))
            return Batch(columns, len(rows), (*mine.intervals, *source.intervals))

    def _matches(self, left: Batch, right: Batch, execution: Execution) -> Positions:
        """The right row for each left row, -1 for none; of several that are as near, the last."""
        rows, total = left.row_count, left.row_count + right.row_count
        matches = np.full(rows, -1, np.int64)
        if not rows or not right.row_count:
            return matches
        execution.reserve(SORT_BYTES * total, "the order of a join with the nearest row")
        columns = [
            concat([left.column(mine), right.column(theirs)])
            for mine, theirs in zip(*(range(w, w + len(self._null_safe) + 1) for w in self._widths), strict=True)
        ]
        keys = [field for column in columns[:-1] for field in fields_of(column)]
        downwards = self._comparison.startswith("<")  # the nearest value is then above, which comes first
        values = fields_of(columns[-1], downwards)
        is_right = np.arange(total) >= rows
        last = is_right if "=" not in self._comparison else ~is_right  # an equal row counts if it comes before
        later = [*values, Field(1, lambda places: last[places].astype(np.uint64))]
        order = order_of([*keys, *later], total, execution.run)
        begins = changes(order, keys, execution.run)
        places, own, usable = np.arange(total), order.rows, self._usable(columns)
        nearest = np.maximum.accumulate(np.where((is_right & usable)[own], places, -1))
        start = np.maximum.accumulate(np.where(begins, places, 0))
        found = (nearest >= start) & (own < rows) & usable[own]
        matches[own[found]] = own[nearest[found]] - rows
        return matches

    def _usable(self, columns: Sequence[EncodedColumn]) -> Mask:
        """The rows that may match any: NULL compares with nothing, but in keys that are null-safe."""
        usable = np.ones(columns[0].length, np.bool_)
        for column, null_safe in zip(columns, (*self._null_safe, False), strict=True):
            if column.all_null and not null_safe:
                usable[:] = False
            elif column.validity is not None and not null_safe:
                usable &= to_mask(column.validity, column.length)
        return usable

    def explain(self) -> Explanation:
        details = (f"{self._kind}, nearest by {self._comparison} within {len(self._null_safe)} keys",)
        return Explanation("asof join", details, tuple(side.explain() for side in self._sides))


def _at(relation: Relation, positions: Positions) -> tuple[Deferred, ...]:
    return tuple(Deferred(relation, i, positions, outer=True, coded=True) for i in range(len(relation.types)))
