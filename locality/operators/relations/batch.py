"""Intermediate results: columns that are there, and columns that are still where they came from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from locality import memory
from locality.encodings import EncodedColumn, counted, integer_bounds, stored_width, take, without_rows
from locality.encodings.arrow import to_dictionary
from locality.operators.relations.relation import Origin, Positions, Relation, is_integer
from locality.operators.relations.traffic import gathered_reads
from locality.plan.intervals import Interval
from locality.types import DataType


@dataclass(frozen=True, eq=False)
class Deferred:
    """A column of ``relation`` whose rows are gathered only when they are needed: late materialisation.

    positions: the rows that are wanted, in order; None means all rows. If ``outer``, -1 among them means NULL.
    coded: whether kernels that read it want strings with a dictionary.
    """

    relation: Relation
    index: int
    positions: Positions | None
    outer: bool = False
    coded: bool = False

    @property
    def type(self) -> DataType:
        return self.relation.types[self.index]

    def at(self, positions: Positions) -> Deferred:
        """The same column at other rows."""
        return Deferred(self.relation, self.index, positions, self.outer, self.coded)

    def gather(self) -> EncodedColumn:
        """The column's values."""
        if not self.outer or self.positions is None:
            return self.relation.gather(self.index, self.positions)
        there = self.positions >= 0
        if not there.any():
            return EncodedColumn(self.type, "constant", len(there), all_null=True)
        gathered = self.relation.gather(self.index, np.maximum(self.positions, 0))
        return gathered if there.all() else without_rows(gathered, there)

    @property
    def origin(self) -> Origin:
        """The rows that it is gathered from; -1 where it is NULL instead."""
        return self.relation, self.index, self.positions


def _composed(positions: Positions | None, rows: Positions) -> Positions:
    """The rows of a column's source that ``rows`` of the column stand for."""
    if positions is None:
        return rows
    memory.allow(rows.nbytes, "the positions of rows")
    composed = positions[rows]
    memory.hold((composed,), "the positions of rows")
    return composed


def interval_of(column: EncodedColumn | Deferred) -> Interval | None:
    """What is known of a late column's integers; what is found by looking at those that are there."""
    if isinstance(column, Deferred):
        return column.relation.intervals[column.index]
    bounds = integer_bounds(column)
    return None if bounds is None else Interval(*bounds)


@dataclass(frozen=True, eq=False)
class Batch:
    """``row_count`` rows.

    intervals: proven bounds of each column's integers, or None.
    """

    columns: tuple[EncodedColumn | Deferred, ...]
    row_count: int
    intervals: tuple[Interval | None, ...]

    def take(self, rows: Positions) -> Batch:
        """The rows at ``rows``, in that order."""
        chosen: dict[int, Positions] = {}  # columns of one source share their positions, and go on sharing them

        def taken(column: EncodedColumn | Deferred) -> EncodedColumn | Deferred:
            if not isinstance(column, Deferred):
                return take(column, rows)
            if id(column.positions) not in chosen:
                chosen[id(column.positions)] = _composed(column.positions, rows)
            return column.at(chosen[id(column.positions)])

        return Batch(tuple(taken(column) for column in self.columns), len(rows), self.intervals)

    def slice(self, start: int, stop: int) -> Batch:
        """Rows ``start`` to ``stop``, clipped to what there is."""
        start, stop = min(start, self.row_count), min(stop, self.row_count)
        if (start, stop) == (0, self.row_count):
            return self
        return self.take(np.arange(start, stop, dtype=np.int64))

    def column(self, index: int) -> EncodedColumn:
        """A column, gathered now if it was deferred."""
        column = self.columns[index]
        return column.gather() if isinstance(column, Deferred) else column

    def reads(self) -> dict[str, int]:
        """Bytes that gathering all deferred columns reads, by stored column."""
        return gathered_reads([column.origin for column in self.columns if isinstance(column, Deferred)])

    def select(self, indices: range) -> Batch:
        """Some of the columns."""
        columns = tuple(self.columns[i] for i in indices)
        return Batch(columns, self.row_count, tuple(self.intervals[i] for i in indices))

    def _whole_relation(self) -> Relation | None:
        """The relation whose columns these are, in order and with all rows; None if they are not."""
        sources = [c.relation for c in self.columns if isinstance(c, Deferred) and c.positions is None]
        if len(sources) < len(self.columns) or len({id(source) for source in sources}) != 1:
            return None
        indices = [column.index for column in self.columns if isinstance(column, Deferred)]
        return sources[0] if indices == list(range(len(sources[0].types))) else None

    def as_relation(self) -> Relation:
        """The rows as a source for the next pipeline."""
        whole = self._whole_relation()
        if whole is not None:
            return whole
        types = tuple(column.type for column in self.columns)
        width = float(sum(dtype.row_bytes for dtype in types))
        intervals = tuple(map(_measured, self.columns, self.intervals))
        return Relation("", types, intervals, (BatchSegment(self),), width)


def _measured(column: EncodedColumn | Deferred, known: Interval | None) -> Interval | None:
    """Bounds of a column that none were proven for, as those that DuckDB's functions computed, from its values."""
    if known is not None or isinstance(column, Deferred) or not is_integer(column.type):
        return known
    if column.encoding != "plain" or column.codes is None or column.codes.ndim != 1:
        return None
    interval = Interval(int(column.codes.min()), int(column.codes.max())) if column.length else Interval(0, 0)
    return interval if interval.fits_int64 else None


@dataclass(frozen=True, eq=False)
class BatchSegment:
    """A batch as the one segment of a relation; its late columns are gathered when they are read."""

    batch: Batch
    _gathered: dict[int, EncodedColumn] = field(default_factory=dict)

    @property
    def row_count(self) -> int:
        return self.batch.row_count

    @property
    def zone_rows(self) -> int:
        return max(self.batch.row_count, 1)

    def column(self, index: int) -> EncodedColumn:
        if index not in self._gathered:
            deferred, column = self.batch.columns[index], self.batch.column(index)
            wants_codes = isinstance(deferred, Deferred) and deferred.coded and column.encoding == "text"
            self._gathered[index] = counted(to_dictionary(column)) if wants_codes else column
        return self._gathered[index]

    def take(self, index: int, rows: Positions) -> EncodedColumn:
        column = self.batch.columns[index]
        if index in self._gathered or not isinstance(column, Deferred):
            return take(self.column(index), rows)
        return column.at(_composed(column.positions, rows)).gather()

    def width(self, index: int) -> float:
        column = self.batch.columns[index]
        if isinstance(column, Deferred) and index not in self._gathered:
            return float(column.type.row_bytes)
        return stored_width(self.column(index))

    def zones(self, index: int) -> None:
        return None

    def is_ready(self, index: int) -> bool:
        return index in self._gathered or not isinstance(self.batch.columns[index], Deferred)

    def origin(self, index: int) -> Origin | None:
        column = self.batch.columns[index]
        return column.origin if isinstance(column, Deferred) else None
