"""Statements that change a table, carried out by DuckDB on a copy of it: those that have no plan in our nodes.

DuckDB sees stored tables as views, which nothing can be inserted into. So it gets a real table in the place of the one
view that the statement is about, in a schema of its own that lasts as long as the statement.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from locality.sql.given import Parameters
from locality.sql.quoting import identifier
from locality.sql.tokens import words_of

if TYPE_CHECKING:
    from locality.sql.fallback import Answer

_SCHEMA = "locality_copy"
#: Words without which an INSERT leaves the rows that there are alone.
_CONFLICTS = frozenset({"conflict", "replace", "ignore"})


@dataclass(frozen=True)
class Replayed:
    """What became of a table. rows: those that the statement inserted, or all if it is not ``only_adds``."""

    table: str
    answer: Answer
    rows: duckdb.DuckDBPyRelation
    only_adds: bool


@contextlib.contextmanager
def replayed(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    params: Parameters | None,
    primary_keys: Mapping[str, Sequence[str]],
    run: Callable[[str, Parameters | None], Answer],
) -> Iterator[Replayed]:
    """Carries a statement out; the rows can be read in the body.

    Raises duckdb.Error.

    primary_keys: of all tables, each of which is a view of ``connection``. run: runs a statement there.
    """
    words = words_of(sql)
    with _schema(connection):
        target = _target(
            connection, sql, params, [name for name in primary_keys if name.lower() in words], primary_keys
        )
        is_read = words.count(target.lower()) > 1
        only_adds = words[0] in ("insert", "copy") and _CONFLICTS.isdisjoint(words)
        if is_read or not only_adds:
            connection.execute(f"insert into {_copy(target)} from main.{identifier(target)}").fetchall()
        ((last,),) = connection.execute(f"select coalesce(max(rowid), -1) from {_copy(target)}").fetchall()
        answer = run(sql, params)
        rows = connection.sql(f"from {_copy(target)} where rowid > {last if only_adds else -1}")
        yield Replayed(target, answer, rows, only_adds)


@contextlib.contextmanager
def created(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    params: Parameters | None,
    run: Callable[[str, Parameters | None], Answer],
) -> Iterator[tuple[str, duckdb.DuckDBPyRelation]]:
    """Carries out CREATE TABLE ... AS; the name and the rows of the new table, to be read in the body."""
    with _schema(connection):
        run(sql, params)
        found = connection.execute(f"select table_name from duckdb_tables() where schema_name = '{_SCHEMA}'").fetchall()
        if len(found) != 1:
            raise duckdb.NotImplementedException("a store holds tables of one schema only")
        ((name,),) = found
        yield str(name), connection.table(_copy(str(name)))


@contextlib.contextmanager
def _schema(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """A schema whose tables are found before the views."""
    connection.execute(f"create schema {_SCHEMA}").fetchall()
    try:
        connection.execute(f"set search_path = '{_SCHEMA},main'").fetchall()
        yield
    finally:
        connection.execute("reset search_path").fetchall()
        connection.execute(f"drop schema {_SCHEMA} cascade").fetchall()


def _target(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    params: Parameters | None,
    names: Sequence[str],
    primary_keys: Mapping[str, Sequence[str]],
) -> str:
    """The one of the tables that the statement changes, there as an empty table: the one with which DuckDB binds it."""
    failure: duckdb.Error | None = None
    for name in names:
        connection.execute(f"create table {_copy(name)} as from main.{identifier(name)} limit 0").fetchall()
        if keys := primary_keys[name]:
            listed = ", ".join(map(identifier, keys))
            connection.execute(f"alter table {_copy(name)} add primary key ({listed})").fetchall()
        try:
            connection.execute(f"explain {sql}", params).fetchall()
        except duckdb.Error as error:
            failure = _clearer(failure, error)
            connection.execute(f"drop table {_copy(name)}").fetchall()
        else:
            return name
    if failure is None:
        connection.execute(f"explain {sql}", params).fetchall()  # which tells what is wrong
        raise duckdb.CatalogException("Catalog Error: the statement names no stored table")
    raise failure


def _clearer(known: duckdb.Error | None, found: duckdb.Error) -> duckdb.Error:
    """Of two errors, the one that is not about a view in the place of a table."""
    return found if known is None or "base table" in str(known) or "is not an table" in str(known) else known


def _copy(name: str) -> str:
    return f"{_SCHEMA}.{identifier(name)}"
