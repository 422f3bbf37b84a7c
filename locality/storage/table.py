"""Tables of a snapshot: the one facade for scans, statistics and rows."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from locality import types
from locality.encodings import EncodedColumn, decode, slice_column
from locality.nested import name_of_arrow
from locality.plan import virtual
from locality.plan.derived import Derived
from locality.plan.nodes import PRIMARY
from locality.plan.rollups import Rollup
from locality.storage.deletions import Deletions, Mask
from locality.storage.layout import DerivedColumn, Layout, derived_places
from locality.storage.segment import Segment
from locality.storage.statistics import ColumnStatistics
from locality.storage.virtual import Live, RowIds, virtual_columns
from locality.types import DataType

if TYPE_CHECKING:
    import pyarrow.dataset as ds

__all__ = [
    "ColumnInfo",
    "ColumnStatistics",
    "DistinctCount",
    "ForeignKey",
    "Layout",
    "Segment",
    "StoredRollup",
    "Table",
]


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column: its name as the user wrote it, its SQL type, and whether any value is NULL.

    arrow: the Arrow type of a nested column, which its SQL type can't tell; None for flat types.
    """

    name: str
    type: DataType
    nullable: bool
    arrow: pa.DataType | None = None

    @property
    def sql_type(self) -> DataType:
        """The type by DuckDB's name; by Arrow's where DuckDB has none."""
        name = None if self.arrow is None else name_of_arrow(self.arrow)
        return self.type if name is None else types.parse(name)

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type of the column's decoded values."""
        return types.to_arrow(self.type) if self.arrow is None else self.arrow


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Each row's ``columns`` (where none is NULL) equal ``parents`` of exactly one row of ``table``."""

    columns: tuple[str, ...]
    table: str
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DistinctCount:
    """A number of different values; ``exact``, or else an estimate (an upper bound after appends)."""

    count: int
    exact: bool


class Table:
    """An immutable table: its layouts, and which rows were deleted. Opening one touches no file.

    layouts: the primary one, which has all columns, first. segments: of the primary one, in row order.
    row_count: rows of the segments, deleted ones among them; statistics are of all of these. live_count: the others.
    """

    def __init__(
        self,
        name: str,
        columns: Sequence[ColumnInfo],
        segments: Sequence[Segment],
        statistics: Sequence[ColumnStatistics],
        primary_key: Sequence[str] = (),
        foreign_keys: Sequence[ForeignKey] = (),
        unique: Sequence[str] = (),
        deletions: Sequence[Deletions | None] = (),
        layouts: Sequence[Layout] = (),
        derived: Sequence[DerivedColumn] = (),
        rollups: Sequence[StoredRollup] = (),
    ) -> None:
        """``statistics`` has one entry a column; ``primary_key`` is empty if there is none.

        segments, deletions: of the primary layout; layouts: the further ones.
        derived: the columns of parents that are stored with its rows, in the order of their numbers.
        unique: columns without NULLs in which no value occurs twice, as ingest found; there may be more.
        deletions: of each segment, or nothing at all. Keys hold for the rows that were not deleted.
        rollups: of exactly the rows that were not deleted.
        """
        self.name = name
        self.columns = tuple(columns)
        self.segments = tuple(segments)
        self.derived_columns = tuple(derived)
        places = derived_places(self.derived_columns, PRIMARY)
        self.layouts = (Layout(self.segments, range(len(self.columns)), derived=places), *layouts)
        self.deletions = tuple(deletions) or (None,) * len(self.segments)
        self.row_count = sum(segment.row_count for segment in self.segments)
        self.live_count = self.row_count - sum(found.count for found in self.deletions if found is not None)
        self.primary_key = tuple(primary_key)
        self.foreign_keys = tuple(foreign_keys)
        self.unique = tuple(unique)
        self.rollups = tuple(rollups)
        self._statistics = tuple(statistics)
        self._raw_bytes: dict[int, int] = {}

    def layout(self, name: str) -> Layout:
        """The layout of a name; raises KeyError if there is none."""
        for layout in self.layouts:
            if layout.name == name:
                return layout
        raise KeyError(name)

    def has_columns(self, layout: str, columns: Iterable[int]) -> bool:
        """Whether a layout can tell these columns (positions, or virtual ones) of the rows."""
        found = self.layout(layout)
        known = virtual.NAMES.keys() if found is self.layouts[0] else {virtual.LIVE}
        return all(i in found.positions or i in known for i in columns)

    def derived(self, layout: str) -> Sequence[Derived]:
        """The derived columns that a layout has."""
        return [column.plan for column in self.derived_columns if layout in column.places]

    def virtual_columns_of(self, layout: Layout) -> tuple[Mapping[int, RowIds | Live], ...]:
        """The virtual columns of each segment of a layout; of a secondary one, those that it can tell."""
        if layout is self.layouts[0]:
            return self.virtual_columns
        if not self.has_deletions:
            return tuple({virtual.LIVE: Live(segment.row_count, None)} for segment in layout.segments)
        return layout.live_columns(self.live_mask)

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self.columns]

    def statistics(self, index: int) -> ColumnStatistics:
        """The statistics of column ``index`` over all rows of the segments; it may be a virtual one."""
        match index:
            case virtual.ROW_ID:
                return ColumnStatistics(self.row_count, 0, self.row_count - 1, distinct_estimate=self.row_count)
            case virtual.LIVE:
                return ColumnStatistics(self.row_count, 1, 1, self.row_count - self.live_count, distinct_estimate=1)
            case _ if index < len(self.columns):
                return self._statistics[index]
            case _:
                return self._derived(index).statistics

    def column_name(self, index: int) -> str:
        """The name of a column, a derived one, or a virtual one."""
        if index in virtual.NAMES:
            return virtual.NAMES[index]
        return self.columns[index].name if index < len(self.columns) else self._derived(index).name

    def is_derived(self, index: int) -> bool:
        """Whether column ``index`` is one that layouts carry of a parent."""
        return index >= len(self.columns) and index not in virtual.NAMES

    def is_position(self, index: int) -> bool:
        """Whether column ``index`` is a carried one that tells the positions of parents' rows."""
        return self.is_derived(index) and self._derived(index).plan.column == virtual.ROW_ID

    def column_type(self, index: int) -> DataType:
        """The type of a column, a derived one, or a virtual one."""
        if index in virtual.TYPES:
            return virtual.TYPES[index]
        return self.columns[index].type if index < len(self.columns) else self._derived(index).plan.type

    def is_raw(self, index: int) -> bool:
        """Whether column ``index``, in the first layout that has it, has strings without a dictionary."""
        if index in virtual.NAMES:
            return False
        layout = next(layout for layout in self.layouts if index in layout.positions)
        place = layout.positions[index]
        return any(segment.encoding(place) == "text" for segment in layout.segments)

    def _derived(self, index: int) -> DerivedColumn:
        return self.derived_columns[index - len(self.columns)]

    @cached_property
    def virtual_columns(self) -> tuple[Mapping[int, RowIds | Live], ...]:
        """The virtual columns of each segment."""
        rows = [segment.row_count for segment in self.segments]
        firsts = itertools.accumulate(rows, initial=0)
        return tuple(map(virtual_columns, firsts, rows, self.deletions))

    def live_mask(self) -> Mask:
        """One Boolean for each row of the segments, true where it was not deleted."""
        parts = zip(self.segments, self.deletions, strict=True)
        masks = [np.ones(s.row_count, np.bool_) if d is None else d.mask() for s, d in parts]
        return np.concatenate(masks) if masks else np.ones(0, np.bool_)

    @property
    def has_deletions(self) -> bool:
        """Whether rows of its segments were deleted."""
        return self.live_count < self.row_count

    def raw_bytes(self, index: int) -> int:
        """Bytes of the strings of column ``index`` where they have no dictionary: they are decompressed as a whole."""
        if index not in self._raw_bytes:
            self._raw_bytes[index] = self.statistics(index).text_bytes if self.is_raw(index) else 0
        return self._raw_bytes[index]

    @cached_property
    def unique_keys(self) -> tuple[frozenset[int], ...]:
        """Sets of columns (positions) in all of which no two rows are equal, nor NULL: each column that ingest found
        unique, and the primary key.
        """
        positions = {column.name: index for index, column in enumerate(self.columns)}
        keys = [*((name,) for name in self.unique), *([self.primary_key] if self.primary_key else [])]
        return tuple(dict.fromkeys(frozenset(positions[name] for name in key) for key in keys))

    def is_unique(self, columns: Iterable[int]) -> bool:
        """Whether it is proven that no two rows are equal in all of ``columns`` (positions), nor have NULL in all.

        A unique key proves it, of itself and with any further columns.
        """
        given = frozenset(columns)
        return any(key <= given for key in self.unique_keys)

    def distinct_count(self, index: int) -> DistinctCount:
        """How many different values column ``index`` holds, NULL not among them."""
        statistics = self.statistics(index)
        if self.is_unique([index]):
            return DistinctCount(self.row_count, exact=True)
        return DistinctCount(statistics.distinct_estimate, statistics.distinct_exact)

    def refers_to(self, columns: Sequence[int], parent: Table, parents: Sequence[int]) -> bool:
        """Whether a foreign key says that a row's ``columns``, none NULL, equal ``parents`` of exactly one of its rows.

        columns, parents: positions, pairwise, in any order; ``parent``: a table of the same snapshot.
        """
        if max(columns) >= len(self.columns) or max(parents) >= len(parent.columns):
            return False  # what is derived of other tables, or virtual, is no part of a key
        pairs = {(self.columns[a].name, parent.columns[b].name) for a, b in zip(columns, parents, strict=True)}
        return any(
            key.table == parent.name and pairs == set(zip(key.columns, key.parents, strict=True))
            for key in self.foreign_keys
        )

    @property
    def arrow_schema(self) -> pa.Schema:
        """The schema of decoded rows."""
        return pa.schema([pa.field(column.name, column.arrow_type, column.nullable) for column in self.columns])

    def to_batches(
        self, columns: Sequence[int], first: int = 0, zones: Collection[int] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows of some columns, virtual ones or its own, decoded, a batch a zone, in row order; no deleted ones.

        first: the segment to start with. zones: those to read, by their numbers in ``zone_ranges``; default all.
        """
        schema = pa.schema([self._field(index) for index in columns])
        parts = list(zip(self.segments, self.virtual_columns, self.deletions, self.zone_ranges, strict=True))[first:]
        for segment, made, deletions, numbers in parts:
            wanted = [number for number in numbers if zones is None or number in zones]
            if not wanted:
                continue
            encoded = [made[i].column if i in virtual.NAMES else segment.column(i) for i in columns]
            live = None if deletions is None else pa.array(deletions.mask())
            for number in wanted:
                start = (number - numbers.start) * segment.zone_rows
                stop = min(start + segment.zone_rows, segment.row_count)
                batch = _batch(encoded, start, stop, schema)
                yield batch if live is None else batch.filter(live[start:stop])

    @cached_property
    def zone_ranges(self) -> tuple[range, ...]:
        """The numbers of each segment's zones, when all are counted in row order."""
        counts = [-(-segment.row_count // segment.zone_rows) for segment in self.segments]
        stops = list(itertools.accumulate(counts))
        return tuple(range(stop - count, stop) for count, stop in zip(counts, stops, strict=True))

    def guarantees(self, index: int) -> list[ds.Expression]:
        """What is certain of column ``index`` in each zone; see :mod:`locality.storage.guarantees`."""
        from locality.storage.guarantees import zone_guarantees  # which imports pyarrow.dataset: a third of a second

        field = self._field(index)
        return [known for segment in self.segments for known in zone_guarantees(segment, index, field)]

    def _field(self, index: int) -> pa.Field:
        if index in virtual.NAMES:
            return pa.field(virtual.NAMES[index], types.to_arrow(virtual.TYPES[index]), nullable=False)
        return self.arrow_schema.field(index)


@dataclass(frozen=True, eq=False)
class StoredRollup:
    """A rollup, and the table of its rows."""

    rollup: Rollup
    table: Table


def _batch(columns: Sequence[EncodedColumn], start: int, stop: int, schema: pa.Schema) -> pa.RecordBatch:
    arrays = [decode(slice_column(column, start, stop)) for column in columns]
    if not arrays:  # a batch without columns still has rows
        return pa.RecordBatch.from_struct_array(pa.array([{}] * (stop - start), type=pa.struct([])))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
