"""Statements that change a store: a query over the last commit finds their rows, which go or come in the next.

No other writer is at work from the moment on at which the statement is planned.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from locality.encodings import decode
from locality.errors import QueryError
from locality.operators.physical import Traffic
from locality.operators.relations.tables import whole_table
from locality.plan import changes
from locality.runtime.columns import columns_of_plan
from locality.runtime.execution import QueryExecution, Workers
from locality.runtime.interrupts import Interrupt
from locality.runtime.profile import Profile
from locality.runtime.result import Result
from locality.settings import Settings
from locality.sql.changes import ChangePlanner
from locality.sql.parameters import Parameters
from locality.storage.change import Change, ChangeReport, RowIds, change_rows
from locality.storage.ingest.source import CHUNK_ROWS, Place, Source, StreamSource, ready
from locality.storage.snapshot import Snapshot
from locality.storage.store import Store
from locality.storage.table import Table

#: Kinds of statements that change rows, as DuckDB calls them.
CHANGES = frozenset({"DELETE", "UPDATE", "INSERT", "MERGE_INTO"})


class Changer:
    """Runs statements that change the tables of a store; threads may share it."""

    def __init__(self, store: Store, workers: Workers) -> None:
        self._store = store
        self._workers = workers
        self._planner: ChangePlanner | None = None
        self._followed: Mapping[str, str] = {}

    def close(self) -> None:
        """Free the planning database."""
        if self._planner is not None:
            self._planner.close()

    def run(
        self,
        sql: str,
        params: Parameters | None,
        kind: str,
        settings: Settings,
        followed: Mapping[str, str],
        interrupt: Interrupt,
    ) -> Result:
        """Runs one statement; its result is the number of rows that it changed.

        Raises what :func:`locality.storage.change.change_rows` raises, QueryError for a statement that is wrong, and
        Unsupported for one that has no plan of ours.

        kind: what DuckDB calls the statement. followed: settings of the session that plans depend on.
        """
        started = time.perf_counter()
        profiles: list[Profile] = []
        execution = QueryExecution(self._workers, settings.memory_bytes, interrupt)
        planned: list[float] = []

        def find(snapshot: Snapshot) -> Change:
            statement = self._plan(sql, params, kind, followed, snapshot)
            planned.append(time.perf_counter() - started)
            columns, profile = columns_of_plan(statement.rows, snapshot.tables, settings, execution)
            profiles.append(profile)
            return _changed(statement, snapshot.tables.table(statement.table), columns)

        report = change_rows(self._store, find, threads=settings.threads)
        seconds = time.perf_counter() - started
        return _result(report, replace(profiles[0], seconds=seconds, planning_seconds=planned[0]))

    def _plan(
        self, sql: str, params: Parameters | None, kind: str, followed: Mapping[str, str], snapshot: Snapshot
    ) -> changes.Change:
        """Called with the store's write lock held, so by one thread at a time."""
        if self._planner is None or followed != self._followed:
            self.close()
            self._planner, self._followed = ChangePlanner(followed), followed
        tables = snapshot.tables
        columns = {name: [(column.name, column.type) for column in table.columns] for name, table in tables.items()}
        self._planner.sync(columns, {name: table.primary_key for name, table in tables.items()})
        return self._planner.plan(sql, params, kind)


def _changed(statement: changes.Change, table: Table, columns: Sequence[pa.ChunkedArray]) -> Change:
    """Which rows of a table go and which come, given what the statement's query found."""
    match statement:
        case changes.Delete():
            return Change(table.name, _row_ids(columns[0]))
        case changes.Update(columns=targets):
            *values, ids = columns
            gone, first = np.unique(_row_ids(ids), return_index=True)
            taken = pa.array(first)
            news = dict(zip(targets, (value.take(taken) for value in values), strict=True))
            return Change(table.name, gone, _source(table, [_updated(table, gone, news)]), len(gone))
        case changes.Insert():
            return Change(table.name, added=_source(table, [_rows(table, columns)]))
        case changes.Merge():
            return _merged(statement, table, columns)


def _merged(statement: changes.Merge, table: Table, columns: Sequence[pa.ChunkedArray]) -> Change:
    """What the actions of a merge come to; raises QueryError where one is an error."""
    numbers = np.asarray(columns[0].to_numpy(), dtype=np.int64)
    gone: list[RowIds] = []
    added: list[pa.Table] = []
    updated = 0
    for number, action in enumerate(statement.actions):
        chosen = numbers == number
        if not chosen.any():
            continue
        if action.kind == "error":
            raise QueryError("a row met a WHEN clause of MERGE that says ERROR; nothing was changed")
        mask = pa.array(chosen)
        values = [columns[place].filter(mask) for place in action.values]
        if action.kind == "insert":
            added.append(_rows(table, values))
        elif action.kind in ("update", "delete"):
            ids = _row_ids(columns[1].filter(mask))
            gone.append(ids)
            if action.kind == "update":
                updated += len(ids)
                added.append(_updated(table, ids, dict(zip(action.columns, values, strict=True))))
    rows = np.concatenate(gone) if gone else np.empty(0, np.int64)
    if len(np.unique(rows)) < len(rows):
        raise QueryError("MERGE INTO would change a row more than once: several rows of its source match it")
    return Change(table.name, rows, _source(table, added) if added else None, updated)


def _row_ids(column: pa.ChunkedArray) -> RowIds:
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _updated(table: Table, rows: RowIds, news: Mapping[int, pa.ChunkedArray]) -> pa.Table:
    """Rows of a table with other values in some columns."""
    kept = [index for index in range(len(table.columns)) if index not in news]
    relation = whole_table(table, kept)
    parts = [rows[start : start + CHUNK_ROWS] for start in range(0, len(rows), CHUNK_ROWS)]
    values = dict(news)
    for i, index in enumerate(kept):
        gathered = [decode(relation.gather(i, part)) for part in parts]
        values[index] = pa.chunked_array(gathered, table.columns[index].arrow_type)
    return _rows(table, [values[index] for index in range(len(table.columns))])


def _rows(table: Table, values: Sequence[pa.ChunkedArray]) -> pa.Table:
    """New rows of a table, from the values of its columns in order."""
    schema = table.arrow_schema
    arrays = [value.cast(field.type) for value, field in zip(values, schema, strict=True)]
    return pa.Table.from_arrays(arrays, names=schema.names)


def _source(table: Table, parts: Sequence[pa.Table]) -> Source:
    rows = pa.concat_tables(parts)
    types = {column.name: column.type for column in table.columns}
    return StreamSource(rows.to_reader(), Place("the new rows"), ready, rows.num_rows, types)


def _result(report: ChangeReport, profile: Profile) -> Result:
    """The number of rows that a statement changed, as DuckDB gives it."""
    written = Traffic("write", rows=report.inserted, written=report.bytes_written)
    table = pa.table([pa.array([report.rows], pa.int64())], names=["c0"])
    profile = replace(profile, rows=1, operators=(*profile.operators, written))
    return Result(table, ("Count",), ("BIGINT",), profile)
