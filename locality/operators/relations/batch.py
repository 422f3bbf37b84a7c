"""Intermediate results: columns that are there, and columns that are still where they came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from locality.encodings import EncodedColumn, take
from locality.operators.relations.relation import ColumnsSegment, Positions, Relation
from locality.operators.relations.traffic import gathered_bytes
from locality.plan.intervals import Interval
from locality.types import DataType


@dataclass(frozen=True)
class Deferred:
    """A column of ``relation`` whose rows are gathered only when they are needed: late materialisation."""

    relation: Relation
    index: int

    @property
    def type(self) -> DataType:
        return self.relation.types[self.index]


@dataclass(frozen=True, eq=False)
class Batch:
    """``row_count`` rows. Deferred columns take theirs from ``positions`` of their relation; None means all its rows.

    intervals: proven bounds of each column's integers, or None.
    """

    columns: tuple[EncodedColumn | Deferred, ...]
    row_count: int
    intervals: tuple[Interval | None, ...]
    positions: Positions | None = None

    def take(self, rows: Positions) -> Batch:
        """The rows at ``rows``, in that order."""
        columns = tuple(c if isinstance(c, Deferred) else take(c, rows) for c in self.columns)
        positions = rows if self.positions is None else self.positions[rows]
        return Batch(columns, len(rows), self.intervals, positions)

    def slice(self, start: int, stop: int) -> Batch:
        """Rows ``start`` to ``stop``, clipped to what there is."""
        start, stop = min(start, self.row_count), min(stop, self.row_count)
        if (start, stop) == (0, self.row_count):
            return self
        return self.take(np.arange(start, stop, dtype=np.int64))

    def column(self, index: int) -> EncodedColumn:
        """A column, gathered now if it was deferred."""
        column = self.columns[index]
        if isinstance(column, Deferred):
            return column.relation.gather(column.index, self.positions)
        return column

    def gathered_bytes(self) -> int:
        """Bytes that gathering all deferred columns moves."""
        deferred = [column for column in self.columns if isinstance(column, Deferred)]
        return sum(gathered_bytes(column.relation, column.index, self.positions) for column in deferred)

    def select(self, indices: range) -> Batch:
        """Some of the columns."""
        columns = tuple(self.columns[i] for i in indices)
        return Batch(columns, self.row_count, tuple(self.intervals[i] for i in indices), self.positions)

    def _whole_relation(self) -> Relation | None:
        """The relation whose columns these are, in order and with all rows; None if they are not."""
        first = self.columns[0] if self.columns else None
        if self.positions is not None or not isinstance(first, Deferred):
            return None
        wanted = tuple(Deferred(first.relation, index) for index in range(len(first.relation.types)))
        return first.relation if self.columns == wanted else None

    def as_relation(self) -> Relation:
        """The rows as a source for the next pipeline."""
        whole = self._whole_relation()
        if whole is not None:
            return whole
        columns = tuple(self.column(i) for i in range(len(self.columns)))
        types = tuple(column.type for column in columns)
        width = float(sum(dtype.row_bytes for dtype in types))
        return Relation("", types, self.intervals, (ColumnsSegment(columns, self.row_count),), width)
