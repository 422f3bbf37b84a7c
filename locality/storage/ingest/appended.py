"""A table's entry in the manifest with rows that were written to be appended."""

from __future__ import annotations

from dataclasses import replace

from locality.storage.ingest.passes import Written
from locality.storage.manifest import TableEntry
from locality.storage.statistics import merge_statistics


def appended(before: TableEntry, written: Written) -> TableEntry:
    """The table with further rows."""
    columns = [
        replace(old, statistics=merge_statistics([old.statistics, new.statistics], old.type))
        for old, new in zip(before.columns, written.columns, strict=True)
    ]
    dictionaries = {file.path: file for file in (*before.dictionaries, *written.dictionaries)}
    return replace(
        before,
        columns=tuple(columns),
        segments=before.segments + written.segments,
        dictionaries=tuple(dictionaries.values()),
    )
