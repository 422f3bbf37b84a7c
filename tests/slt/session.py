"""Where a file's SQL runs: DuckDB alone, or Locality over the tables that a DuckDB beside it was made to hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import duckdb
import pyarrow as pa

import locality
from locality.errors import LocalityError
from tests.slt.comparison import Answer


class SqlError(Exception):
    """An engine refused or failed to run some SQL; the message is the engine's."""


@dataclass(frozen=True)
class Outcome:
    """What SQL did: its answer, None if it isn't a query, and which engine answered, with the reason if DuckDB did."""

    answer: Answer | None
    engine: str = ""
    reason: str = ""


class Session(Protocol):
    """Runs SQL. engines: the names that skipif and onlyif know it by."""

    engines: frozenset[str]

    def run(self, sql: str) -> Outcome:
        """Run one or more statements; the outcome is the last one's. Raises SqlError."""

    def oracle(self, sql: str) -> Answer | str:
        """DuckDB's own answer over the same tables, or its error."""

    def has_extension(self, name: str) -> bool:
        """Whether this extension of DuckDB is there without being fetched."""

    def close(self) -> None:
        """Give back memory and files."""


class DuckDBSession:
    """A DuckDB in memory."""

    engines = frozenset({"duckdb"})

    def __init__(self) -> None:
        self.connection = duckdb.connect(":memory:", config={"threads": 2})
        self.connection.execute("set enable_progress_bar = false")

    def run(self, sql: str) -> Outcome:
        try:
            relation = self.connection.sql(sql)
            return Outcome(None if relation is None else _answer(relation), "duckdb")
        except duckdb.Error as error:
            raise SqlError(str(error)) from None

    def oracle(self, sql: str) -> Answer | str:
        try:
            return self.run(sql).answer or "no rows"
        except SqlError as error:
            return str(error)

    def has_extension(self, name: str) -> bool:
        sql = "select count(*) from duckdb_extensions() where loaded and extension_name = ?"
        found = self.connection.execute(sql, [name]).fetchone()
        return found is not None and found[0] > 0

    def close(self) -> None:
        self.connection.close()


#: Words of queries about what the database holds, where a store holds other things than the DuckDB beside it.
_CATALOG = re.compile(
    r"\b(duckdb_\w+|pragma_\w+|information_schema|pg_catalog|sqlite_master|txid_current|current_database)\b"
    r"|^\s*(show|describe|desc|summarize)\b",
    re.IGNORECASE,
)
#: A name that DuckDB didn't find: a view, macro, type or sequence, which no store has, or a table that it can't have.
_MISSING = re.compile(r"Catalog Error: (.*? with name \"?([^\" ]+)\"? does not exist)")
_SETTINGS = ("SET", "VARIABLE_SET", "PRAGMA")


class LocalitySession:
    """Locality over a temporary store.

    What only DuckDB does (CREATE, INSERT, UPDATE, transactions) runs in a DuckDB beside it, whose tables are ingested
    anew before the next query where they changed. Queries about what a store can't hold are that DuckDB's to answer.
    """

    engines = frozenset({"duckdb", "locality"})

    def __init__(self) -> None:
        self._side = DuckDBSession()
        self._store = locality.connect(threads=2)
        self._store.settings.progress = False
        self._stored: dict[str, pa.Table] = {}
        self._refused: dict[str, str] = {}
        self._stale = False
        self._unset = ""

    def run(self, sql: str) -> Outcome:
        try:
            statements = self._side.connection.extract_statements(sql)
        except duckdb.Error:
            return self._ask(sql)
        if not statements:
            return Outcome(None)
        for statement in statements[:-1]:
            self._change(statement)
        last = statements[-1]
        if last.type.name != "SELECT":
            return self._change(last)
        if _CATALOG.search(last.query):
            return self._leave(last.query, "reads the catalog")
        if self._unset:
            return self._leave(last.query, self._unset)
        self._refresh()
        return self._ask(last.query)

    def oracle(self, sql: str) -> Answer | str:
        return self._side.oracle(sql)

    def has_extension(self, name: str) -> bool:
        return self._side.has_extension(name)

    def close(self) -> None:
        self._store.close()
        self._side.close()

    def __enter__(self) -> LocalitySession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _change(self, statement: duckdb.Statement) -> Outcome:
        """Runs what isn't a query beside the store; settings are made in both."""
        outcome = self._side.run(statement.query)
        self._stale = True
        kind = statement.type.name
        if kind in _SETTINGS and "verif" not in statement.query:
            try:
                self._store.sql(statement.query)
            except LocalityError:
                self._unset = f"setting not made: {statement.query.strip()}"
        if outcome.answer is None or not outcome.answer.rows:
            return Outcome(outcome.answer)
        return Outcome(outcome.answer, "duckdb", f"{kind} statement")

    def _leave(self, sql: str, reason: str) -> Outcome:
        return Outcome(self._side.run(sql).answer, "duckdb", reason)

    def _ask(self, sql: str) -> Outcome:
        try:
            result = self._store.sql(sql)
            rows = tuple(result.text_rows())
        except LocalityError as error:
            reason = self._missing(str(error))
            if reason is None:
                raise SqlError(str(error)) from None
            return self._leave(sql, reason)
        return Outcome(Answer(tuple(result.types), rows), result.profile.engine, result.profile.reason)

    def _missing(self, message: str) -> str | None:
        """Why the store lacks what the query names; None if the error is another one."""
        found = _MISSING.search(message)
        if found is None or found[2].lower() in self._stored:
            return None
        return self._refused.get(found[2].lower(), f"not in a store: {found[1]}")

    def _refresh(self) -> None:
        """Has the store hold the tables as they are now."""
        if not self._stale:
            return
        self._stale = False
        self._refused.clear()
        tables = _tables(self._side.connection)
        for name in [name for name in self._stored if name not in tables]:
            self._forget(name)
        for name in tables:
            relation = self._side.connection.sql(f'select * from "{name.replace(chr(34), chr(34) * 2)}"')
            rows = relation.to_arrow_table()
            reason = _lost(relation, rows)
            if reason is None and not rows.equals(self._stored.get(name)):
                reason = self._ingest(name, rows)
            if reason is not None:
                self._refused[name] = reason
                self._forget(name)

    def _ingest(self, name: str, rows: pa.Table) -> str | None:
        try:
            self._store.ingest(name, rows, mode="replace")
        except LocalityError as error:
            return f"table not ingested: {error}"
        self._stored[name] = rows
        return None

    def _forget(self, name: str) -> None:
        if self._stored.pop(name, None) is not None:
            self._store.drop(name)


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    sql = """
        select distinct lower(table_name) from duckdb_tables() where temporary
        or (database_name = current_database() and schema_name = current_schema()) order by 1
    """
    return [str(name) for (name,) in connection.execute(sql).fetchall()]


def _lost(relation: duckdb.DuckDBPyRelation, rows: pa.Table) -> str | None:
    """Why Arrow can't carry the table: types that it doesn't have; None if it can."""
    for name, declared, field in zip(relation.columns, relation.types, rows.schema, strict=True):
        carried = str(duckdb.from_arrow(pa.table({name: pa.array([], field.type)})).types[0])
        if carried != str(declared):
            return f"not in a store: columns of {declared}"
    return None


def _answer(relation: duckdb.DuckDBPyRelation) -> Answer:
    types: Sequence[object] = relation.types
    rows = relation.project("cast(columns(*) as varchar)").fetchall()
    return Answer(tuple(map(str, types)), tuple(rows))


SESSIONS: dict[str, Callable[[], Session]] = {"locality": LocalitySession, "duckdb": DuckDBSession}
