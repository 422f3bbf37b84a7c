"""Sorting: the order of an input's rows by keys that were collected with them."""

from __future__ import annotations

from collections.abc import Sequence

from locality.operators.ordering.fields import Field, fields_of
from locality.operators.ordering.order import SORT_BYTES, near_rows, order_of
from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.relations.batch import Batch
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
            batch = self._near(batch)
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

    def _near(self, batch: Batch) -> Batch:
        """Without rows that the first key alone puts after the first ones, so that no other key is made of them."""
        if len(self._keys) == 1 or self._first is None or not 0 < 4 * self._first < batch.row_count:
            return batch
        key = self._keys[0]
        fields = fields_of(batch.column(self._width), key.descending, key.nulls_first)
        return batch.take(near_rows(fields, batch.row_count, self._first))

    def explain(self) -> Explanation:
        directions = ["descending" if key.descending else "ascending" for key in self._keys]
        wanted = "" if self._first is None else f"the first {self._first:,} rows "
        details = f"{wanted}by {len(self._keys)} keys: {', '.join(directions)}"
        return Explanation("sort", (details,), (self._child.explain(),))
