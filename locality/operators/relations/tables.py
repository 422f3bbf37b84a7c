"""Stored tables as relations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from locality.encodings import EncodedColumn, stored_width, take
from locality.operators.relations.relation import ColumnsSegment, LinkedSegment, Origin, Positions, Relation, ZoneBounds
from locality.operators.relations.relation import Segment as AnySegment
from locality.plan.intervals import Interval
from locality.plan.nodes import PRIMARY, Scan
from locality.plan.virtual import LIVE, ROW_ID
from locality.storage.table import Segment, Table
from locality.storage.virtual import Live, RowIds
from locality.types import DataType, Domain


@dataclass(frozen=True, eq=False)
class ScannedSegment:
    """A segment of a table, as the columns of a scan. zoned: whether statistics of its zones are told.

    virtual: the columns that are not stored, by their numbers.
    """

    segment: Segment
    columns: tuple[int, ...]
    zoned: bool = True
    virtual: Mapping[int, RowIds | Live] = field(default_factory=dict)

    @property
    def row_count(self) -> int:
        return self.segment.row_count

    @property
    def zone_rows(self) -> int:
        return self.segment.zone_rows

    def column(self, index: int) -> EncodedColumn:
        number = self.columns[index]
        return self.virtual[number].column if number in self.virtual else self.segment.column(number)

    def take(self, index: int, rows: Positions) -> EncodedColumn:
        return take(self.column(index), rows)

    def width(self, index: int) -> float:
        number = self.columns[index]
        if number == ROW_ID:
            return 0.0
        return stored_width(self.column(index)) if number in self.virtual else self.segment.width(number)

    def zones(self, index: int) -> ZoneBounds | None:
        if not self.zoned:
            return None
        number = self.columns[index]
        return self.virtual[number].zones if number in self.virtual else self.segment.zones(number)

    def is_ready(self, index: int) -> bool:
        return self.columns[index] in self.virtual or self.segment.is_ready(self.columns[index])

    def origin(self, index: int) -> Origin | None:
        return None


def own_segment(segment: AnySegment) -> ScannedSegment | None:
    """The stored segment below the columns of links."""
    while isinstance(segment, LinkedSegment):
        segment = segment.base
    return segment if isinstance(segment, ScannedSegment) else None


def is_live_column(relation: Relation, index: int) -> bool:
    """Whether a column of a stored table tells which rows were not deleted."""
    first = relation.segments[0] if relation.segments else None
    return isinstance(first, ScannedSegment) and first.columns[index] == LIVE


def passing_columns(segment: AnySegment, indices: Iterable[int]) -> tuple[int, ...]:
    """Those of the columns that the segment of a stored table forgets when nobody uses them."""
    while isinstance(segment, LinkedSegment):
        base = segment.base
        indices = [index for index in indices if index < segment.first]
        segment = base
    if not isinstance(segment, ScannedSegment):
        return ()
    return tuple(index for index in indices if segment.segment.is_passing(segment.columns[index]))


def scan_relation(table: Table, scan: Scan, *, zoned: bool = True) -> Relation:
    """The rows of ``table``, with the columns of ``scan``; an empty table has one empty segment."""
    layout = table.layout(scan.layout)
    columns = tuple(layout.positions.get(column, column) for column in scan.columns)
    segments = tuple(
        ScannedSegment(segment, columns, zoned, made)
        for segment, made in zip(layout.segments, table.virtual_columns_of(layout), strict=True)
        if segment.row_count
    )
    intervals = tuple(_interval(table, index, dtype) for index, dtype in zip(scan.columns, scan.types, strict=True))
    if not segments:
        nothing = tuple(EncodedColumn(dtype, "constant", 0, all_null=True) for dtype in scan.types)
        return Relation(table.name, scan.types, intervals, (ColumnsSegment(nothing, 0),), naive_row_bytes(table))
    distinct = {i: table.statistics(index).distinct_estimate for i, index in enumerate(scan.columns)}
    stored = tuple(f"{table.name}.{table.column_name(index)}" for index in scan.columns)
    name = table.name if scan.layout == PRIMARY else f"{table.name} ({scan.layout})"
    return Relation(name, scan.types, intervals, segments, naive_row_bytes(table), distinct, stored=stored)


def whole_table(table: Table, columns: Sequence[int]) -> Relation:
    """All rows of some columns of ``table``, deleted ones too: a row's position is its row id."""
    return scan_relation(table, Scan(table.name, tuple(columns), tuple(table.columns[i].type for i in columns)))


def _interval(table: Table, index: int, dtype: DataType) -> Interval | None:
    if dtype.domain is not Domain.INTEGER:
        return None
    statistics = table.statistics(index)
    low, high = statistics.minimum, statistics.maximum
    if low is None or high is None:
        return Interval(0, 0)
    interval = Interval(int(low), int(high))
    return interval if interval.fits_int64 else None


def naive_row_bytes(table: Table) -> float:
    """Bytes of one whole row in a row store: fixed widths, and 16 bytes plus its text for a string."""
    total = 0.0
    for index, column in enumerate(table.columns):
        total += column.type.row_bytes
        if column.type.domain is Domain.STRING and table.row_count:
            total += table.statistics(index).text_bytes / table.row_count
    return total
