"""What a store held at one version: the tables that a query sees, whatever is written meanwhile."""

from __future__ import annotations

import base64
from collections import ChainMap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from locality.plan.rollups import Rollup
from locality.storage.catalog import NameMap, column_positions
from locality.storage.deletions import Deletions
from locality.storage.derived import derived_columns
from locality.storage.dictionaries import Dictionaries
from locality.storage.entries import ColumnEntry, DerivedEntry, LayoutEntry, RollupEntry, TableEntry
from locality.storage.layout import ROW_ID, DerivedColumn, Layout, derived_places
from locality.storage.manifest import Manifest
from locality.storage.segment import Segment, SegmentFiles, open_segment
from locality.storage.table import ColumnInfo, StoredRollup, Table
from locality.types import BIGINT

#: Bytes of a column's strings that stay in memory, decompressed, from query to query; of more, what is in use does.
MOST_KEPT_TEXT = 256 << 20


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The tables of a store after commit number ``version``, found by name whatever the letter case.

    entries: what the manifest says of each table.
    """

    version: int
    tables: NameMap[Table]
    entries: NameMap[TableEntry]

    @cached_property
    def scanned(self) -> Mapping[str, Table]:
        """All tables by the names that plans have for them: the user's, and those that hold the rows of rollups."""
        rollups = {each.rollup.stored: each.table for table in self.tables.values() for each in table.rollups}
        return ChainMap(rollups, dict(self.tables)) if rollups else self.tables


def load(
    store: Path, manifest: Manifest, previous: Snapshot, damaged: Collection[LayoutEntry | RollupEntry] = frozenset()
) -> Snapshot:
    """Open every table without touching files; what did not change since ``previous`` is shared, caches included.

    damaged: secondary layouts and rollups that tables are to be opened without.
    """
    tables = []
    entries = NameMap(manifest.tables)
    for entry in manifest.tables:
        whole = replace(
            entry,
            layouts=tuple(layout for layout in entry.layouts if layout not in damaged),
            rollups=tuple(rollup for rollup in entry.rollups if rollup not in damaged),
        )
        derived = derived_columns(whole, entries)
        known = previous.tables.get(entry.name)
        if known is not None and _is_open(known, whole, previous.entries[entry.name] == entry, derived):
            tables.append(known)
        else:
            tables.append(open_table(store, whole, _open_segments(previous, entry.name), derived))
    return Snapshot(manifest.version, NameMap(tables), entries)


def _is_open(table: Table, entry: TableEntry, is_unchanged: bool, derived: Sequence[DerivedColumn]) -> bool:
    layouts = [layout.name for layout in table.layouts] == [layout.name for layout in entry.layouts]
    rollups = [each.rollup.name for each in table.rollups] == [rollup.name for rollup in entry.fresh_rollups]
    return is_unchanged and table.derived_columns == derived and layouts and rollups


def _open_segments(previous: Snapshot, name: str) -> dict[SegmentFiles, Segment]:
    if name not in previous.tables:
        return {}
    layouts = {layout.name: layout for layout in previous.tables[name].layouts}
    return {
        files.undeleted: segment
        for entry in previous.entries[name].layouts
        if entry.name in layouts
        for files, segment in zip(entry.segments, layouts[entry.name].segments, strict=True)
    }


def open_table(
    store: Path,
    entry: TableEntry,
    known: Mapping[SegmentFiles, Segment] | None = None,
    derived: Sequence[DerivedColumn] = (),
) -> Table:
    """The table of an entry; ``known``: segments that are open already; ``derived``: the columns that are true."""
    primary, *others = (_open_layout(store, entry, layout, known or {}, derived) for layout in entry.layouts)
    deletions = [
        None if files.deleted is None else Deletions(store, files.deleted, files.rows, files.dead)
        for files in entry.primary.segments
    ]
    return Table(
        entry.name,
        [column_info(column) for column in entry.columns],
        primary.segments,
        [column.statistics for column in entry.columns],
        entry.primary_key,
        entry.foreign_keys,
        entry.unique,
        deletions,
        others,
        derived,
        [_open_rollup(store, entry.name, rollup) for rollup in entry.fresh_rollups],
    )


def _open_rollup(store: Path, table: str, entry: RollupEntry) -> StoredRollup:
    # the name of no table of a user holds a NUL
    rollup = Rollup(entry.name, f"{table}\0{entry.name}", entry.grouping)
    return StoredRollup(rollup, open_table(store, entry.stored))


def _open_layout(
    store: Path,
    table: TableEntry,
    entry: LayoutEntry,
    known: Mapping[SegmentFiles, Segment],
    derived: Sequence[DerivedColumn],
) -> Layout:
    columns = columns_of(table, entry)
    stored: list[ColumnEntry | DerivedEntry] = [*(table.columns[index] for index in columns), *entry.derived]
    names, types = [column.name for column in stored], [column.type for column in stored]
    if entry.columns is not None:
        names.append(ROW_ID)
        types.append(BIGINT)
    dictionaries = Dictionaries(store, entry.dictionaries)
    passing = frozenset(i for i, c in enumerate(stored) if c.statistics.text_bytes > MOST_KEPT_TEXT)
    segments = [
        known.get(files.undeleted) or open_segment(store, files.undeleted, names, types, dictionaries, passing)
        for files in entry.segments
    ]
    return Layout(segments, columns, entry.name, derived_places(derived, entry.name), len(stored))


def columns_of(table: TableEntry, layout: LayoutEntry) -> list[int]:
    """The positions in the table of the columns that a layout has, in its order."""
    if layout.columns is None:
        return list(range(len(table.columns)))
    return column_positions(table.name, [column.name for column in table.columns], layout.columns)


def column_info(column: ColumnEntry) -> ColumnInfo:
    """A column as scans see it."""
    arrow = None if column.arrow is None else arrow_from_text(column.arrow)
    return ColumnInfo(column.name, column.type, column.statistics.null_count > 0, arrow)


def arrow_to_text(arrow: pa.DataType) -> str:
    """An Arrow type as text that :func:`arrow_from_text` reads."""
    return base64.b64encode(pa.schema([pa.field("", arrow)]).serialize().to_pybytes()).decode()


def arrow_from_text(text: str) -> pa.DataType:
    """The inverse of :func:`arrow_to_text`."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text))).field(0).type
