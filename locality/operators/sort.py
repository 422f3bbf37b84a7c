"""Sorting: the order of an input's rows by keys that were collected with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from locality.encodings import EncodedColumn
from locality.operators.ordering.fields import Field, fields_of
from locality.operators.ordering.order import SORT_BYTES, near_rows, order_of
from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.relations.batch import Batch, Deferred
from locality.operators.relations.relation import Positions
from locality.plan.expressions import SortKey
from locality.types import DataType


class Sort:
    """The first ``width`` columns of the child, ordered by the columns after them, one for each of ``keys``.

    first: how many rows are wanted, if not all.
    """

    def __init__(self, child: Physical, width: int, keys: Sequence[SortKey], first: int | None = None) -> None:
        self._child, self._width, self._keys, self._first = child, width, tuple(keys), first

    @property
    def types(self) -> tuple[DataType, ...]:
        return self._child.types[: self._width]

    def execute(self, execution: Execution) -> Batch:
        batch = self._child.execute(execution)
        with execution.measure("sort") as traffic:
            traffic.rows = min(batch.row_count, self._first or batch.row_count)
            batch = self._near(batch, execution)
            rows = batch.select(range(self._width))
            if batch.row_count <= 1:
                return rows
            execution.reserve(SORT_BYTES * batch.row_count, "the keys of a sort")
            fields = self._fields(batch)
            traffic.state += 2 * SORT_BYTES * batch.row_count
            return rows.take(order_of(fields, batch.row_count, execution.run, self._first).rows)

    def _fields(self, batch: Batch) -> list[Field]:
        return [
            field
            for i, key in enumerate(self._keys, self._width)
            for field in fields_of(batch.column(i), key.descending, key.nulls_first)
        ]

    def _near(self, batch: Batch, execution: Execution) -> Batch:
        """Without rows that the first key alone puts after the first ones, so that no other key is made of them.

        They are found segment by segment, where these are several: a whole column of text is never put together.
        """
        first = self._first
        if first is None or not 0 < 4 * first < batch.row_count:
            return batch
        parts = _segments(batch, self._width)
        if len(self._keys) == 1 and len(parts) == 1:
            return batch
        key = self._keys[0]
        starts = np.cumsum([0, *(part.length for part in parts)])
        found: dict[int, Positions] = {}

        def find(worker: int, number: int) -> None:
            part = parts[number]
            if part.length > first:
                near = near_rows(fields_of(part, key.descending, key.nulls_first), part.length, first)
            else:
                near = np.arange(part.length)
            found[number] = starts[number] + near

        execution.run(range(len(parts)), find)
        return batch.take(np.concatenate([found[number] for number in range(len(parts))]))

    def explain(self) -> Explanation:
        directions = ["descending" if key.descending else "ascending" for key in self._keys]
        wanted = "" if self._first is None else f"the first {self._first:,} rows "
        details = f"{wanted}by {len(self._keys)} keys: {', '.join(directions)}"
        return Explanation("sort", (details,), (self._child.explain(),))


def _segments(batch: Batch, index: int) -> list[EncodedColumn]:
    """A column as it lies: one for each segment of a relation all of whose rows are wanted."""
    column = batch.columns[index]
    if isinstance(column, Deferred) and column.positions is None and not column.relation.links:
        return [segment.column(column.index) for segment in column.relation.segments]
    return [batch.column(index)]
