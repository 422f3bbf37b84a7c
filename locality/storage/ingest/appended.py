"""A table's entry in the manifest with rows that were written to be appended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from locality.storage.entries import ColumnEntry, LayoutEntry, TableEntry
from locality.storage.ingest.passes import Written
from locality.storage.snapshot import open_table
from locality.storage.statistics import merge_statistics
from locality.types import Domain


def raw_columns(store: Path, entry: TableEntry) -> frozenset[int]:
    """The columns whose strings have no dictionary in the table's first segment, nor should have one in later ones."""
    if not entry.primary.segments:
        return frozenset()
    first = open_table(store, entry).segments[0]
    return frozenset(i for i, column in enumerate(entry.columns) if _is_text(column) and first.encoding(i) == "text")


def _is_text(column: ColumnEntry) -> bool:
    return column.type.domain is Domain.STRING


def appended(before: TableEntry, written: Written) -> TableEntry:
    """The table with further rows."""
    columns = [
        replace(old, statistics=merge_statistics([old.statistics, new.statistics], old.type))
        for old, new in zip(before.columns, written.columns, strict=True)
    ]
    return replace(before, columns=tuple(columns), layouts=(_extended(before.primary, written), *before.layouts[1:]))


def _extended(layout: LayoutEntry, written: Written) -> LayoutEntry:
    """The layout with further segments at its end."""
    dictionaries = {file.path: file for file in (*layout.dictionaries, *written.dictionaries)}
    return replace(layout, segments=layout.segments + written.segments, dictionaries=tuple(dictionaries.values()))
