"""Limit and offset over rows in order."""

from __future__ import annotations

from locality.encodings import decode
from locality.errors import Unsupported
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


class ComputedLimit:
    """A share of the child's rows in percent, or else as many as its last column, which is not put out, says."""

    def __init__(self, child: Physical, share: float | None, offset: int) -> None:
        self._child, self._share, self._offset = child, share, offset

    @property
    def types(self) -> tuple[DataType, ...]:
        return self._child.types if self._share is not None else self._child.types[:-1]

    def execute(self, execution: Execution) -> Batch:
        """Raises Unsupported for a limit below zero, which is an error."""
        batch = self._child.execute(execution)
        limit = self._limit(batch)
        stop = batch.row_count if limit is None else self._offset + limit
        return batch.select(range(len(self.types))).slice(self._offset, stop)

    def _limit(self, batch: Batch) -> int | None:
        if self._share is not None:
            return int(self._share / 100.0 * batch.row_count)
        if not batch.row_count:
            return 0
        limit = decode(batch.slice(0, 1).column(len(self.types)))[0].as_py()
        if limit is not None and limit < 0:
            raise Unsupported("a limit below zero")
        return None if limit is None else int(limit)

    def explain(self) -> Explanation:
        limit = "as many rows as a subquery says" if self._share is None else f"{self._share}% of the rows"
        return Explanation("limit", (f"{limit}, offset {self._offset:,}",), (self._child.explain(),))
