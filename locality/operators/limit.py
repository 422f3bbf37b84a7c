"""Limit and offset over rows in order."""

from __future__ import annotations

from locality.operators.collect import Collect
from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.relations.batch import Batch
from locality.types import DataType


class Limit:
    """Rows ``offset`` up to ``offset + limit`` of the child; all from ``offset`` on where ``limit`` is None."""

    def __init__(self, child: Physical, limit: int | None, offset: int) -> None:
        self._child, self._limit, self._offset = child, limit, offset

    @property
    def types(self) -> tuple[DataType, ...]:
        return self._child.types

    def execute(self, execution: Execution) -> Batch:
        stop = None if self._limit is None else self._offset + self._limit
        if isinstance(self._child, Collect):
            batch = self._child.execute(execution, stop)
        else:
            batch = self._child.execute(execution)
        return batch.slice(self._offset, batch.row_count if stop is None else stop)

    def explain(self) -> Explanation:
        limit = "no limit" if self._limit is None else f"{self._limit:,} rows"
        return Explanation("limit", (f"{limit}, offset {self._offset:,}",), (self._child.explain(),))
