"""What a store held at one version: the tables that a query sees, whatever is written meanwhile."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from locality.storage.catalog import NameMap
from locality.storage.deletions import Deletions
from locality.storage.dictionaries import Dictionaries
from locality.storage.manifest import ColumnEntry, Manifest, TableEntry
from locality.storage.segment import Segment, SegmentFiles, open_segment
from locality.storage.table import ColumnInfo, Table

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


def load(store: Path, manifest: Manifest, previous: Snapshot) -> Snapshot:
    """Open every table without touching files; what did not change since ``previous`` is shared, caches included."""
    tables = []
    for entry in manifest.tables:
        if previous.entries.get(entry.name) == entry:
            tables.append(previous.tables[entry.name])
        else:
            tables.append(open_table(store, entry, _open_segments(previous, entry.name)))
    return Snapshot(manifest.version, NameMap(tables), NameMap(manifest.tables))


def _open_segments(previous: Snapshot, name: str) -> dict[SegmentFiles, Segment]:
    if name not in previous.tables:
        return {}
    files = (segment.undeleted for segment in previous.entries[name].segments)
    return dict(zip(files, previous.tables[name].segments, strict=True))


def open_table(store: Path, entry: TableEntry, known: Mapping[SegmentFiles, Segment] | None = None) -> Table:
    """The table of an entry; ``known``: segments that are open already."""
    known = known or {}
    names = [column.name for column in entry.columns]
    types = [column.type for column in entry.columns]
    dictionaries = Dictionaries(store, entry.dictionaries)
    passing = frozenset(i for i, c in enumerate(entry.columns) if c.statistics.text_bytes > MOST_KEPT_TEXT)
    segments = [
        known.get(files.undeleted) or open_segment(store, files.undeleted, names, types, dictionaries, passing)
        for files in entry.segments
    ]
    deletions = [
        None if files.deleted is None else Deletions(store, files.deleted, files.rows, files.dead)
        for files in entry.segments
    ]
    return Table(
        entry.name,
        [column_info(column) for column in entry.columns],
        segments,
        [column.statistics for column in entry.columns],
        entry.primary_key,
        entry.foreign_keys,
        entry.unique,
        deletions,
    )


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
