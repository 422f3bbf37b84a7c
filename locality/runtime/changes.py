"""Statements that change a store: a query over the last commit finds their rows, which go or come in the next.

No other writer is at work from the moment on at which the statement is planned.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from locality.encodings import decode
from locality.errors import Unsupported
from locality.operators.physical import Traffic
from locality.operators.relations.tables import whole_table
from locality.plan import changes
from locality.plan.nodes import Node, Query
from locality.runtime.execution import QueryExecution, Workers
from locality.runtime.interrupts import Interrupt
from locality.runtime.profile import Profile
from locality.runtime.query import prepare
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


@dataclass(frozen=True)
class _Run:
    """What the query of a statement needs to run, and what running it took."""

    snapshot: Snapshot
    settings: Settings
    execution: QueryExecution

    def query(self, root: Node) -> tuple[list[pa.ChunkedArray], Profile]:
        """The columns of a plan's result."""
        names = tuple(f"c{i}" for i in range(len(root.types)))
        settings = self.settings
        prepared = prepare(
            Query(root, names, root.types),
            self.snapshot.tables,
            settings.threads,
            settings.memory_bytes,
            settings.disabled_optimizers,
        )
        result = prepared.run(self.execution, time.perf_counter(), 0.0)
        return result.to_arrow_table().columns, result.profile


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
        self, sql: str, params: Parameters | None, settings: Settings, followed: Mapping[str, str], interrupt: Interrupt
    ) -> Result:
        """Runs one statement; its result is the number of rows that it changed.

        Raises what :func:`locality.storage.change.change_rows` raises, QueryError for a statement that is wrong, and
        Unsupported for one that has no plan of ours.

        followed: settings of the session that plans depend on.
        """
        started = time.perf_counter()
        profiles: list[Profile] = []
        execution = QueryExecution(self._workers, settings.memory_bytes, interrupt)
        planned: list[float] = []

        def find(snapshot: Snapshot) -> Change:
            statement = self._plan(sql, params, followed, snapshot)
            planned.append(time.perf_counter() - started)
            change, profile = _changed(statement, _Run(snapshot, settings, execution))
            profiles.append(profile)
            return change

        report = change_rows(self._store, find, threads=settings.threads)
        seconds = time.perf_counter() - started
        return _result(report, replace(profiles[0], seconds=seconds, planning_seconds=planned[0]))

    def _plan(
        self, sql: str, params: Parameters | None, followed: Mapping[str, str], snapshot: Snapshot
    ) -> changes.Change:
        """Called with the store's write lock held, so by one thread at a time."""
        if self._planner is None or followed != self._followed:
            self.close()
            self._planner, self._followed = ChangePlanner(followed), followed
        tables = snapshot.tables
        columns = {name: [(column.name, column.type) for column in table.columns] for name, table in tables.items()}
        self._planner.sync(columns, {name: table.primary_key for name, table in tables.items()})
        return self._planner.plan(sql, params)


def _changed(statement: changes.Change, run: _Run) -> tuple[Change, Profile]:
    """Which rows go and which come, and what it took to find out."""
    table = run.snapshot.tables.table(statement.table)
    match statement:
        case changes.Delete(rows=rows):
            (ids,), profile = run.query(rows)
            return Change(table.name, _row_ids(ids)), profile
        case changes.Update(columns=columns, rows=rows):
            (*values, ids), profile = run.query(rows)
            gone, first = np.unique(_row_ids(ids), return_index=True)
            taken = pa.array(first)
            news = dict(zip(columns, (value.take(taken) for value in values), strict=True))
            return Change(table.name, gone, _updated(table, gone, news), updates=True), profile
        case changes.Insert(rows=rows):
            if rows.types != tuple(column.type for column in table.columns):
                raise Unsupported(f"values of other types than those of table {table.name}")
            values, profile = run.query(rows)
            return Change(table.name, added=_source(table, values)), profile


def _row_ids(column: pa.ChunkedArray) -> RowIds:
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _updated(table: Table, rows: RowIds, news: Mapping[int, pa.ChunkedArray]) -> Source | None:
    """The rows of a table with other values in some columns."""
    if not len(rows):
        return None
    kept = [index for index in range(len(table.columns)) if index not in news]
    relation = whole_table(table, kept)
    olds = {
        index: pa.chunked_array(
            [decode(relation.gather(i, rows[start : start + CHUNK_ROWS])) for start in range(0, len(rows), CHUNK_ROWS)]
        )
        for i, index in enumerate(kept)
    }
    values = {**olds, **news}
    return _source(table, [values[index] for index in range(len(table.columns))])


def _source(table: Table, values: Sequence[pa.ChunkedArray]) -> Source:
    """New rows of a table, from the values of its columns in order."""
    rows = pa.table(list(values), names=table.column_names)
    types = {column.name: column.type for column in table.columns}
    return StreamSource(rows.to_reader(), Place("the new rows"), ready, rows.num_rows, types)


def _result(report: ChangeReport, profile: Profile) -> Result:
    """The number of rows that a statement changed, as DuckDB gives it."""
    written = Traffic("write", rows=report.inserted, written=report.bytes_written)
    table = pa.table([pa.array([report.rows], pa.int64())], names=["c0"])
    profile = replace(profile, rows=1, operators=(*profile.operators, written))
    return Result(table, ("Count",), ("BIGINT",), profile)
