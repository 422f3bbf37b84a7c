"""A table's entry in the manifest with rows that were written to be appended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from locality.storage.entries import LayoutEntry, TableEntry
from locality.storage.ingest.passes import Written
from locality.storage.snapshot import columns_of, open_table
from locality.storage.statistics import merge_statistics


def raw_columns(store: Path, entry: TableEntry, layout: LayoutEntry) -> frozenset[int]:
    """The columns of a layout whose strings have no dictionary in its first segment, nor should have one in later ones.

    They are told by their positions in the segments.
    """
    if not layout.segments:
        return frozenset()
    first = open_table(store, entry).layout(layout.name).segments[0]
    width = len(columns_of(entry, layout)) + len(layout.derived)
    return frozenset(place for place in range(width) if first.encoding(place) == "text")


def appended(before: TableEntry, written: Written) -> TableEntry:
    """The table with further rows in its primary layout."""
    count = len(before.columns)
    columns = [
        replace(old, statistics=merge_statistics([old.statistics, new.statistics], old.type))
        for old, new in zip(before.columns, written.columns[:count], strict=True)
    ]
    layouts = (extended(before.primary, written, count), *before.layouts[1:])
    return replace(before, columns=tuple(columns), layouts=layouts)


def extended(layout: LayoutEntry, written: Written, own: int) -> LayoutEntry:
    """The layout, which has ``own`` columns of the table, with further segments at its end."""
    dictionaries = {file.path: file for file in (*layout.dictionaries, *written.dictionaries)}
    derived = layout.derived
    if added := written.columns[own:]:  # none of rows whose derived columns are still to come
        derived = tuple(
            replace(old, statistics=merge_statistics([old.statistics, new.statistics], old.type))
            for old, new in zip(derived, added, strict=False)  # the row id may follow
        )
    segments = layout.segments + written.segments
    return replace(layout, segments=segments, dictionaries=tuple(dictionaries.values()), derived=derived)
