"""Statements that create and drop tables."""

from __future__ import annotations

import pyarrow as pa

from locality.errors import CatalogError
from locality.plan.changes import CreateTable, DropTable
from locality.runtime.columns import columns_of_plan
from locality.runtime.execution import QueryExecution
from locality.runtime.profile import Profile
from locality.runtime.result import Result
from locality.settings import Settings
from locality.storage.ingest import ingest
from locality.storage.ingest.arrange import Arrange
from locality.storage.ingest.source import Place, Source, StreamSource, ready
from locality.storage.snapshot import Snapshot
from locality.storage.store import Store
from locality.storage.table import ForeignKey


def drop_table(store: Store, statement: DropTable) -> Result:
    """Drops a table; raises as :meth:`locality.storage.store.Store.drop`."""
    if not (statement.lenient and statement.table not in store.snapshot().tables):
        store.drop(statement.table)
    return Result(pa.table({"c0": pa.array([], pa.bool_())}), ("Success",), ("BOOLEAN",), Profile("locality"))


def is_kept(snapshot: Snapshot, statement: CreateTable) -> bool:
    """Whether the table is there and is to stay; raises CatalogError if it must not be there."""
    if statement.table not in snapshot.tables or statement.existing == "replace":
        return False
    if statement.existing == "refuse":
        raise CatalogError(f"table {snapshot.tables[statement.table].name!r} is already in the store; drop it first")
    return True


def create_table(store: Store, statement: CreateTable, rows: object, settings: Settings, arrange: Arrange) -> int:
    """Makes the table of what ingest takes as ``rows``, and returns how many these were; raises as ingest does."""
    report = ingest(
        store,
        statement.table,
        rows,
        mode="replace" if statement.existing == "replace" else "create",
        primary_key=statement.primary_key or None,
        foreign_keys=[ForeignKey(ours, table, theirs) for ours, table, theirs in statement.foreign_keys],
        threads=settings.threads,
        progress=False,
        arrange=arrange,
    )
    return report.rows


def rows_of(
    statement: CreateTable, snapshot: Snapshot, settings: Settings, execution: QueryExecution
) -> tuple[Source, Profile]:
    """The rows that the statement's query gives, under the table's names; raises Unsupported."""
    assert statement.rows is not None
    columns, profile = columns_of_plan(statement.rows, snapshot.scanned, settings, execution)
    table = pa.table(columns, names=list(statement.names))
    types = dict(zip(statement.names, statement.rows.types, strict=True))
    return StreamSource(table.to_reader(), Place("the query"), ready, table.num_rows, types), profile


def counted(rows: int, profile: Profile) -> Result:
    """How many rows a new table got, as DuckDB says it."""
    return Result(pa.table({"c0": pa.array([rows], pa.int64())}), ("Count",), ("BIGINT",), profile)
