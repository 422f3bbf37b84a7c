"""Statements that change a store: a query over the last commit finds their rows, which go or come in the next.

No other writer is at work from the moment on at which the statement is planned.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from locality.errors import QueryError
from locality.operators.physical import Traffic
from locality.plan import changes
from locality.runtime.changed import changed_rows, rows_of_duckdb
from locality.runtime.columns import columns_of_plan, prepare_plan
from locality.runtime.definitions import counted, create_table, drop_table, is_kept, rows_of
from locality.runtime.execution import QueryExecution, Workers
from locality.runtime.interrupts import Interrupt
from locality.runtime.profile import Profile
from locality.runtime.query import PreparedQuery
from locality.runtime.reorganize import arranger
from locality.runtime.result import Result
from locality.runtime.sources import sources_of
from locality.settings import Settings
from locality.sql.changes import ChangePlanner
from locality.sql.fallback import Answer, Fallback
from locality.sql.given import Parameters
from locality.sql.tokens import copies_in, existing_table, words_of
from locality.storage.change import Change, ChangeReport, change_rows
from locality.storage.snapshot import Snapshot
from locality.storage.store import Store

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
            return changed_rows(change, snapshot.tables.table(change.table), columns)

        report = change_rows(self._store, find, threads=settings.threads, arrange=arranger(execution))
        profile = replace(found[0], seconds=time.perf_counter() - started, rows=1)
        table = pa.table([pa.array([report.rows], pa.int64())], names=["c0"])
        return Result(table, ("Count",), ("BIGINT",), _with_writes(profile, report))

    def prepared(
        self, statement: Statement, settings: Settings, followed: Mapping[str, str], snapshot: Snapshot
    ) -> PreparedQuery:
        """The query that finds the rows of a statement, without running either; raises as :meth:`run`."""
        return prepare_plan(self._plan(statement, followed, snapshot).rows, snapshot.tables, settings)

    def replay(
        self, statement: Statement, settings: Settings, fallback: Fallback, reason: str, interrupt: Interrupt
    ) -> Result:
        """Has DuckDB carry out one statement on a copy of its table; raises as :meth:`run`.

        reason: why it has to.
        """
        started = time.perf_counter()
        if "rowid" in words_of(statement.sql):  # the copy's rows have other numbers
            raise QueryError(f"rowid has no meaning in a statement that DuckDB has to carry out: {reason}")
        found: list[Answer] = []
        execution = QueryExecution(self._workers, settings.memory_bytes, interrupt)

        def find(snapshot: Snapshot) -> Change:
            fallback.sync(sources_of(snapshot))
            keys = {name: table.primary_key for name, table in snapshot.tables.items()}
            with fallback.replay(statement.sql, statement.params, keys, lambda: interrupt.requested) as done:
                table = snapshot.tables[done.table]
                rows = done.rows.to_arrow_table()
                found.append(done.answer)
            gone = np.empty(0, np.int64) if done.only_adds else np.flatnonzero(table.live_mask())
            return Change(table.name, gone, rows_of_duckdb(table, rows))

        report = change_rows(self._store, find, threads=settings.threads, arrange=arranger(execution))
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
        execution = QueryExecution(self._workers, settings.memory_bytes, interrupt)
        arrange = arranger(execution)
        with self._planning:
            planner = self._synced(followed, snapshot)
            definition = planner.definition(statement.sql, statement.params, statement.kind)
            if isinstance(definition, changes.DropTable):
                return drop_table(self._store, definition)
            if is_kept(snapshot, definition):
                return counted(0, Profile("locality"))
            if definition.rows is None:
                with planner.empty_table(statement.sql, definition.table) as empty:
                    count = create_table(self._store, definition, empty, settings, arrange)
                    return counted(count, Profile("locality"))
        rows, profile = rows_of(definition, snapshot, settings, execution)
        count = create_table(self._store, definition, rows, settings, arrange)
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
            if is_kept(snapshot, definition):
                count = 0
            else:
                arrange = arranger(QueryExecution(self._workers, settings.memory_bytes, interrupt))
                count = create_table(self._store, definition, rows, settings, arrange)
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
        columns = {name: [(column.name, column.sql_type) for column in table.columns] for name, table in tables.items()}
        self._planner.sync(columns, {name: table.primary_key for name, table in tables.items()})
        return self._planner


def _with_writes(profile: Profile, report: ChangeReport) -> Profile:
    """The profile of a statement with what it wrote."""
    written = Traffic("write", rows=report.inserted + report.updated, written=report.bytes_written)
    return replace(profile, operators=(*profile.operators, written))
