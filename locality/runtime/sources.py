"""The tables of a snapshot as DuckDB is to see them."""

from __future__ import annotations

from locality.sql.source import Source
from locality.storage.snapshot import Snapshot
from locality.storage.table import Table


def sources_of(snapshot: Snapshot) -> list[Source]:
    """All tables, without deleted rows."""
    return [source_of(table) for table in snapshot.tables.values()]


def source_of(table: Table) -> Source:
    """A table, without deleted rows."""
    types = tuple(column.type for column in table.columns)
    return Source(
        table.name,
        types,
        table.arrow_schema,
        table.live_count,
        table.to_batches,
        parts=table.zone_ranges,
        guarantees=table.guarantees,
    )
