"""Joins with the nearest row: both sides in one order, in which each left row sees the right row before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, concat
from locality.encodings.bitmaps import to_mask
from locality.operators.ordering import Keys, order_of, sort_keys
from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.relations.batch import Batch, Deferred
from locality.operators.relations.relation import Positions
from locality.types import DataType

Mask = npt.NDArray[np.bool_]


class AsofJoin:
    """The first ``width`` columns of each side; after them come the keys, then the value by which rows are near.

    null_safe: for each key, whether NULL equals NULL. comparison: how a left value compares with that of its match.
    outer: whether left rows without a match are kept, with NULLs.
    """

    def __init__(
        self,
        sides: tuple[Physical, Physical],
        widths: tuple[int, int],
        null_safe: Sequence[bool],
        comparison: str,
        *,
        outer: bool,
    ) -> None:
        self._sides, self._widths, self._null_safe = sides, widths, tuple(null_safe)
        self._comparison, self._outer = comparison, outer

    @property
    def types(self) -> tuple[DataType, ...]:
        left, right = (side.types[:width] for side, width in zip(self._sides, self._widths, strict=True))
        return (*left, *right)

    def execute(self, execution: Execution) -> Batch:
        left, right = (side.execute(execution) for side in self._sides)
        with execution.measure("join") as traffic:
            matches = self._matches(left, right, execution)
            traffic.state += 2 * matches.nbytes * (len(self._null_safe) + 2)
            ours, theirs = (
                batch.select(range(width)) for batch, width in zip((left, right), self._widths, strict=True)
            )
            if not self._outer:
                kept = np.flatnonzero(matches >= 0)
                ours, matches = ours.take(kept), matches[kept]
            traffic.rows = len(matches)
            source = theirs.as_relation()
            nearest = [Deferred(source, i, matches, outer=True, coded=True) for i in range(len(theirs.columns))]
            return Batch((*ours.columns, *nearest), len(matches), (*ours.intervals, *source.intervals))

    def _matches(self, left: Batch, right: Batch, execution: Execution) -> Positions:
        """The right row for each left row, -1 for none; of several that are as near, the last."""
        rows, total = left.row_count, left.row_count + right.row_count
        matches = np.full(rows, -1, np.int64)
        if not rows or not right.row_count:
            return matches
        execution.reserve(16 * total * (len(self._null_safe) + 3), "the order of a join with the nearest row")
        columns = [
            concat([left.column(mine), right.column(theirs)])
            for mine, theirs in zip(*(range(w, w + len(self._null_safe) + 1) for w in self._widths), strict=True)
        ]
        keys = [array for column in columns[:-1] for array in sort_keys(column, False, False)]
        downwards = self._comparison.startswith("<")  # the nearest value is then above, which comes first
        values = sort_keys(columns[-1], downwards, False)
        is_right = np.arange(total) >= rows
        ties = is_right if "=" not in self._comparison else ~is_right  # an equal row counts if it comes before
        order = order_of([*keys, *values, ties.astype(np.int64)])
        candidates = np.where((is_right & self._usable(columns))[order], np.arange(total), -1)
        nearest = np.maximum.accumulate(candidates)
        found = (nearest >= _starts(keys, order)) & (order < rows) & self._usable(columns)[order]
        matches[order[found]] = order[nearest[found]] - rows
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
        kind = "left" if self._outer else "inner"
        details = (f"{kind}, nearest by {self._comparison} within {len(self._null_safe)} keys",)
        return Explanation("asof join", details, tuple(side.explain() for side in self._sides))


def _starts(keys: Sequence[Keys], order: Positions) -> Positions:
    """For each row in order, where the rows that agree with it in all keys begin."""
    begins = np.zeros(len(order), np.bool_)
    begins[0] = True
    for key in keys:
        ordered = key[order]
        begins[1:] |= ordered[1:] != ordered[:-1]
    return np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
