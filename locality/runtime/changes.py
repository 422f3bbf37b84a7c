"""Statements that change a store: a query over the last commit finds their rows, which go or come in the next.

No other writer is at work from the moment on at which the statement is planned.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from locality.encodings import decode
from locality.errors import QueryError
from locality.operators.physical import Traffic
from locality.operators.relations.tables import whole_table
from locality.plan import changes
from locality.runtime.columns import columns_of_plan
from locality.runtime.definitions import counted, create_table, drop_table, is_kept, rows_of
from locality.runtime.execution import QueryExecution, Workers
from locality.runtime.interrupts import Interrupt
from locality.runtime.profile import Profile
from locality.runtime.result import Result
from locality.runtime.sources import sources_of
from locality.settings import Settings
from locality.sql.changes import ChangePlanner
from locality.sql.fallback import Answer, Fallback
from locality.sql.parameters import Parameters
from locality.sql.tokens import copies_in, existing_table
from locality.storage.change import Change, ChangeReport, RowIds, change_rows
from locality.storage.ingest.source import CHUNK_ROWS, Place, Source, StreamSource, ready
from locality.storage.snapshot import Snapshot
from locality.storage.store import Store
from locality.storage.table import Table

_DEFINITIONS = frozenset({"CREATE", "DROP"})
_CHANGES = frozenset({"DELETE", "UPDATE", "INSERT", "MERGE_INTO"})


def writes(kind: str, sql: str) -> bool:
    """Whether a statement, of one ``kind`` as DuckDB calls it, is about changing the store."""
    return kind in _CHANGES or kind in _DEFINITIONS or (kind == "COPY" and copies_in(sql))


@dataclass(frozen=True)
class Statement:
    """One statement; ``kind`` is what DuckDB calls it."""

    sql: str
    params: Parameters | None
    kind: str

    @property
    def defines(self) -> bool:
        """Whether it creates or drops something."""
        return self.kind in _DEFINITIONS


class Changer:
    """Runs statements that change the tables of a store; threads may share it."""

    def __init__(self, store: Store, workers: Workers) -> None:
        self._store = store
        self._workers = workers
        self._planner: ChangePlanner | None = None
        self._followed: Mapping[str, str] = {}
        self._planning = threading.Lock()

    def close(self) -> None:
        """Free the planning database."""
        if self._planner is not None:
            self._planner.close()

    def run(
        self, statement: Statement, settings: Settings, followed: Mapping[str, str], interrupt: Interrupt
    ) -> Result:
        """Runs one statement; its result is the number of rows that it changed.

        Raises what :func:`locality.storage.change.change_rows` raises, QueryError for a statement that is wrong, and
        Unsupported for one that has no plan of ours.

        followed: settings of the session that plans depend on.
        """
        started = time.perf_counter()
        found: list[Profile] = []
        execution = QueryExecution(self._workers, settings.memory_bytes, interrupt)

        def find(snapshot: Snapshot) -> Change:
            change = self._plan(statement, followed, snapshot)
            planning = time.perf_counter() - started
            columns, profile = columns_of_plan(change.rows, snapshot.tables, settings, execution)
            found.append(replace(profile, planning_seconds=planning))
            return _changed(change, snapshot.tables.table(change.table), columns)

        report = change_rows(self._store, find, threads=settings.threads)
        profile = replace(found[0], seconds=time.perf_counter() - started, rows=1)
        table = pa.table([pa.array([report.rows], pa.int64())], names=["c0"])
        return Result(table, ("Count",), ("BIGINT",), _with_writes(profile, report))

    def replay(
        self, statement: Statement, settings: Settings, fallback: Fallback, reason: str, interrupt: Interrupt
    ) -> Result:
        """Has DuckDB carry out one statement on a copy of its table; raises as :meth:`run`.

        reason: why it has to.
        """
        started = time.perf_counter()
        found: list[Answer] = []

        def find(snapshot: Snapshot) -> Change:
            fallback.sync(sources_of(snapshot))
            keys = {name: table.primary_key for name, table in snapshot.tables.items()}
            with fallback.replay(statement.sql, statement.params, keys, lambda: interrupt.requested) as done:
                table = snapshot.tables[done.table]
                rows = done.rows.to_arrow_table()
                found.append(done.answer)
            gone = np.empty(0, np.int64) if done.only_adds else np.flatnonzero(table.live_mask())
            return Change(table.name, gone, _source(table, [_nested_as_stored(table, rows)]))

        report = change_rows(self._store, find, threads=settings.threads)
        (answer,) = found
        seconds, threads = time.perf_counter() - started, settings.threads
        profile = Profile("duckdb", reason, seconds, rows=answer.table.num_rows, threads=threads)
        return Result(answer.table, answer.names, answer.types, _with_writes(profile, report))

    def define(
        self, statement: Statement, settings: Settings, followed: Mapping[str, str], interrupt: Interrupt
    ) -> Result:
        """Runs CREATE TABLE or DROP TABLE; raises as :meth:`run`, and CatalogError."""
        started = time.perf_counter()
        snapshot = self._store.snapshot()
        with self._planning:
            planner = self._synced(followed, snapshot)
            definition = planner.definition(statement.sql, statement.params, statement.kind)
            if isinstance(definition, changes.DropTable):
                return drop_table(self._store, definition)
            if is_kept(snapshot, definition):
                return counted(0, Profile("locality"))
            if definition.rows is None:
                with planner.empty_table(statement.sql, definition.table) as empty:
                    return counted(create_table(self._store, definition, empty, settings), Profile("locality"))
        execution = QueryExecution(self._workers, settings.memory_bytes, interrupt)
        rows, profile = rows_of(definition, snapshot, settings, execution)
        count = create_table(self._store, definition, rows, settings)
        return counted(count, replace(profile, seconds=time.perf_counter() - started, rows=1))

    def create_by_duckdb(
        self, statement: Statement, settings: Settings, fallback: Fallback, reason: str, interrupt: Interrupt
    ) -> Result:
        """Has DuckDB find the rows of CREATE TABLE ... AS; raises as :meth:`define`."""
        started = time.perf_counter()
        snapshot = self._store.snapshot()
        existing = existing_table(statement.sql)
        fallback.sync(sources_of(snapshot))
        with fallback.create(statement.sql, statement.params, lambda: interrupt.requested) as (name, rows):
            definition = changes.CreateTable(name, (), (), (), existing, None)
            count = 0 if is_kept(snapshot, definition) else create_table(self._store, definition, rows, settings)
        seconds = time.perf_counter() - started
        return counted(count, Profile("duckdb", reason, seconds, rows=1, threads=settings.threads))

    def _plan(self, statement: Statement, followed: Mapping[str, str], snapshot: Snapshot) -> changes.Change:
        with self._planning:
            return self._synced(followed, snapshot).plan(statement.sql, statement.params, statement.kind)

    def _synced(self, followed: Mapping[str, str], snapshot: Snapshot) -> ChangePlanner:
        """The planner over the tables of a snapshot; one thread at a time."""
        if self._planner is None or followed != self._followed:
            self.close()
            self._planner, self._followed = ChangePlanner(followed), followed
        tables = snapshot.tables
        columns = {name: [(column.name, column.type) for column in table.columns] for name, table in tables.items()}
        self._planner.sync(columns, {name: table.primary_key for name, table in tables.items()})
        return self._planner


def _with_writes(profile: Profile, report: ChangeReport) -> Profile:
    """The profile of a statement with what it wrote."""
    written = Traffic("write", rows=report.inserted + report.updated, written=report.bytes_written)
    return replace(profile, operators=(*profile.operators, written))


def _nested_as_stored(table: Table, rows: pa.Table) -> pa.Table:
    """Rows of DuckDB's, nested columns in the Arrow types that they are stored in."""
    for index, column in enumerate(table.columns):
        if column.arrow is not None:
            rows = rows.set_column(index, column.name, rows.column(index).cast(column.arrow))
    return rows


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
