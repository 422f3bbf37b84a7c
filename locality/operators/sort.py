"""Sorting: the order of an input's rows by keys that were collected with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from locality.operators.ordering import order_of, sort_keys
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
            arrays = [
                array
                for i, key in enumerate(self._keys)
                for array in sort_keys(batch.column(self._width + i), key.descending, key.nulls_first)
            ]
            keys_bytes = sum(array.nbytes for array in arrays)
            execution.reserve(keys_bytes + 8 * batch.row_count, "the keys of a sort")
            traffic.state += 2 * keys_bytes
            return rows.take(order_of(arrays, self._first))

    def _near(self, batch: Batch) -> Batch:
        """Without rows that the first key alone puts after the first ones, so that no other key is made of them."""
        if len(self._keys) == 1 or self._first is None or not 0 < 4 * self._first < batch.row_count:
            return batch
        key = self._keys[0]
        keys = sort_keys(batch.column(self._width), key.descending, key.nulls_first)[0]
        bound = np.partition(keys, self._first - 1)[self._first - 1]
        return batch.take(np.flatnonzero(keys <= bound))

    def explain(self) -> Explanation:
        directions = ["descending" if key.descending else "ascending" for key in self._keys]
        wanted = "" if self._first is None else f"the first {self._first:,} rows "
        details = f"{wanted}by {len(self._keys)} keys: {', '.join(directions)}"
        return Explanation("sort", (details,), (self._child.explain(),))
