"""Upsert: rows of a source take the place of those with their keys, or come as new ones, in one commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from locality.errors import KeyViolation, SchemaError
from locality.plan.expressions import ColumnRef
from locality.plan.nodes import Join, JoinKey, Node, Project, Scan
from locality.plan.virtual import ROW_ID
from locality.scratch import ScratchDirectory
from locality.storage.catalog import column_positions, listed
from locality.storage.change import Change, ChangeReport, change_rows
from locality.storage.deletions import RowIds
from locality.storage.entries import LayoutEntry, TableEntry
from locality.storage.ingest import ingest
from locality.storage.ingest.arrange import Arrange
from locality.storage.ingest.stored import stored_rows
from locality.storage.snapshot import Snapshot
from locality.storage.statistics import ColumnStatistics
from locality.storage.store import Store
from locality.storage.table import Table
from locality.types import BIGINT

#: What the tables of the query are called that finds rows with the source's keys.
_STORED, _SOURCE = "stored", "source"

#: The columns of a plan's result over some tables.
Query = Callable[[Node, Mapping[str, Table]], Sequence[pa.ChunkedArray]]


def upsert(
    store: Store,
    table: str,
    source: Any,
    key: Sequence[str],
    query: Query,
    arrange: Arrange,
    *,
    threads: int,
    progress: bool | None,
) -> ChangeReport:
    """See :meth:`locality.runtime.writes.Writes.upsert`; ``key`` is empty for the primary key."""
    with ScratchDirectory("upsert") as folder, Store.open(Path(folder, "rows")) as aside:
        entry = store.snapshot().entries.table(table)
        names = _key_of(entry, key)
        with aside.begin() as transaction:
            transaction.put(_empty(entry, names))
            transaction.commit()
        # In bounded memory it gets the table's types, and its keys are checked.
        ingest(aside, _SOURCE, source, mode="append", threads=threads, progress=progress)
        new = aside.snapshot().tables[_SOURCE]

        def find(snapshot: Snapshot) -> Change:
            stored = snapshot.tables.table(table)
            rows = _matching(stored, new, names, query)
            return Change(stored.name, rows, stored_rows(new), len(rows))

        return change_rows(store, find, threads=threads, progress=progress, arrange=arrange)


def _key_of(entry: TableEntry, key: Sequence[str]) -> tuple[str, ...]:
    """The columns by which rows are found, as the table spells them."""
    if not key and not entry.primary_key:
        raise SchemaError(f"table {entry.name!r} has no primary key: name the columns that tell its rows by key=...")
    columns = [column.name for column in entry.columns]
    return tuple(columns[i] for i in column_positions(entry.name, columns, key or entry.primary_key))


def _empty(entry: TableEntry, key: tuple[str, ...]) -> TableEntry:
    """A table of the same columns without rows, with ``key`` as its primary key."""
    columns = tuple(replace(column, statistics=ColumnStatistics(0)) for column in entry.columns)
    return TableEntry(_SOURCE, columns, (LayoutEntry(),), primary_key=key)


def _matching(stored: Table, new: Table, key: Sequence[str], query: Query) -> RowIds:
    """The row ids of the stored rows with the key of a new one; raises KeyViolation if several have the same."""
    positions = column_positions(stored.name, stored.column_names, key)
    types = tuple(stored.columns[index].type for index in positions)
    keys = tuple(JoinKey(ColumnRef(i, dtype), ColumnRef(i, dtype)) for i, dtype in enumerate(types))
    sides = [Scan(name, (*positions, ROW_ID), (*types, BIGINT)) for name in (_STORED, _SOURCE)]

    def matched(left: Scan, right: Scan) -> RowIds:
        found = Project(Join(left, right, "semi", keys), (ColumnRef(len(types), BIGINT),))
        (ids,) = query(found, {_STORED: stored, _SOURCE: new})
        return np.asarray(ids.to_numpy(), dtype=np.int64)

    rows = matched(*sides)
    if not stored.is_unique(positions) and len(matched(*reversed(sides))) < len(rows):
        raise KeyViolation(f"key {listed(key)} of {stored.name!r} does not tell rows apart: one would replace several")
    return rows
