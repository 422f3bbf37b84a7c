"""Methods of a connection that change the rows of a table."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from locality.errors import QueryError, SchemaError, Unsupported
from locality.plan.nodes import Node
from locality.runtime.changes import Changer, Statement
from locality.runtime.columns import columns_of_plan
from locality.runtime.execution import QueryExecution
from locality.runtime.explain import Explained, explain_fallback, explain_query
from locality.runtime.interrupts import Interrupt
from locality.runtime.opened import Opened
from locality.runtime.reorganize import arranger, compact_rows
from locality.runtime.result import Result
from locality.runtime.upsert import upsert
from locality.sql.fallback import Fallback
from locality.sql.given import Parameters
from locality.sql.quoting import identifier
from locality.sql.settings import followed
from locality.storage.change import ChangeReport
from locality.storage.rewrite import RewriteReport
from locality.storage.snapshot import Snapshot
from locality.storage.table import Table


class Writes(Opened):
    """What :class:`locality.connection.Connection` can do to rows, by methods and for SQL."""

    _changer: Changer
    _followed: Mapping[str, str]
    _lock: threading.RLock

    @abstractmethod
    def sql(self, sql: str, params: Parameters | None = None) -> Result:
        """See :meth:`locality.connection.Connection.sql`."""

    @abstractmethod
    def _opened_fallback(self) -> Fallback:
        """The DuckDB of this connection; called with the lock held."""

    def delete(self, table: str, where: str, params: Parameters | None = None) -> int:
        """Deletes the rows of a table for which a condition holds, and returns how many these were.

        Args:
            table: the table's name.
            where: the condition in SQL, over the table's columns; ``"true"`` for all rows.
            params: values of its parameters.

        Raises:
            QueryError: there is no such table, or the condition is wrong. KeyViolation: rows of others refer to one.
            StoreLockedError, StoreFullError, StoreError: the store can't be written to; it is as it was.
        """
        ((count,),) = self.sql(f"delete from {identifier(table)} where {where}", params).fetchall()
        return int(count)

    def upsert(self, table: str, source: Any, *, key: str | Sequence[str] = ()) -> ChangeReport:
        """Puts rows in the place of those that have their keys, and adds the others, in one commit.

        Args:
            table: the table's name.
            source: rows with all columns of the table, as :meth:`ingest` takes them; each key once.
            key: the columns that tell rows apart; default the primary key.

        Raises:
            CatalogError: there is no such table. SchemaError: it has no primary key, or columns or types do not fit.
            SourceError: the source is missing or damaged. KeyViolation: a key comes twice, is NULL, or does not hold.
            StoreLockedError, StoreFullError, StoreError: the store can't be written to; it is as it was.
        """
        self._before_change()
        names = [key] if isinstance(key, str) else list(key)
        settings = self.settings
        arrange = arranger(QueryExecution(self._workers, settings.memory_bytes))
        threads, progress = settings.threads, settings.progress
        try:
            return upsert(self._store, table, source, names, self._columns, arrange, threads=threads, progress=progress)
        except Unsupported as reason:
            raise SchemaError(f"rows of table {table!r} can't be found by this key: {reason}") from None

    def compact(self, table: str) -> RewriteReport:
        """Writes a table again without deleted rows and in few segments; its rows keep their order.

        Worth it after many changes: each writes a segment of its own, and deleted rows are skipped one by one. Readers
        go on meanwhile. Raises as :meth:`optimize`.
        """
        self._check_writable()
        execution = QueryExecution(self._workers, self.settings.memory_bytes)
        report = compact_rows(self._store, execution, self.settings, table)
        self._after_rewrite()
        return report

    def _change(self, statement: Statement, interrupt: Interrupt) -> Result:
        """The result of a statement that changes the store."""
        self._before_change()
        settings = self.settings
        try:
            if statement.kind == "COPY":
                raise Unsupported("rows of a file")
            if foreign := self._followed.keys() - followed():
                raise Unsupported(f"setting {min(foreign)} was changed, which may change answers")
            run = self._changer.define if statement.defines else self._changer.run
            return run(statement, settings, self._followed, interrupt)
        except Unsupported as reason:
            if not settings.fallback:
                raise QueryError(f"not carried out by Locality's own operators: {reason}") from None
            by_duckdb = self._changer.create_by_duckdb if statement.defines else self._changer.replay
            with self._lock:
                return by_duckdb(statement, settings, self._opened_fallback(), str(reason), interrupt)

    def _explain_change(self, statement: Statement, snapshot: Snapshot, *, analyze: bool) -> Explained:
        """The plan of the query that finds the rows of a statement."""
        kind = statement.kind.replace("_", " ")
        if analyze or statement.defines or statement.kind == "COPY":
            why = "it would be carried out" if analyze else "it has no plan"
            raise QueryError(f"{kind} can't be explained{' with ANALYZE' if analyze else ''}: {why}")
        try:
            return explain_query(self._changer.prepared(statement, self.settings, self._followed, snapshot), None)
        except Unsupported as reason:
            return explain_fallback(str(reason), None)

    def _columns(self, root: Node, tables: Mapping[str, Table]) -> Sequence[pa.ChunkedArray]:
        execution = QueryExecution(self._workers, self.settings.memory_bytes)
        return columns_of_plan(root, tables, self.settings, execution)[0]
