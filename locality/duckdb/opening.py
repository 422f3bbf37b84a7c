"""``attach``: which layouts a DuckDB connection gets, by where its database lies."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from locality.duckdb.alone import Alone
from locality.duckdb.connection import AttachedConnection
from locality.duckdb.layouts import Layouts
from locality.duckdb.session import open_transaction
from locality.duckdb.watch import Watch
from locality.scratch import ScratchDirectory
from locality.settings import Settings
from locality.sql.versions import installed, statement_counter

if TYPE_CHECKING:
    from locality.runtime.explain import Explained
    from locality.sql.given import Parameters

#: The database that the connection was opened with, if it is in use: one attached later may have been told not to log.
_FIRST = """
select database_name, path from (from duckdb_databases() where not internal order by database_oid limit 1)
where database_name = current_database() and not encrypted
"""


def attach(connection: duckdb.DuckDBPyConnection | None = None, *, threads: int | None = None) -> AttachedConnection:
    """A connection that does what ``connection`` does, and answers queries over layouts of its tables where it can.

    Args:
        connection: an open connection; closing the attached one closes it. Tables in memory can have layouts only if
            nobody else reaches the connection, or another one to its database. Without one, a new database in memory.
        threads: worker threads; default all cores that this process may use.

    Raises:
        TypeError: it is no connection of DuckDB's.
        StoreError: this version of DuckDB is not supported, or the sidecar store is damaged.
    """
    installed()
    settings = Settings() if threads is None else Settings(threads=threads)
    if not isinstance(connection, duckdb.DuckDBPyConnection | None):
        raise TypeError(f"attach takes what duckdb.connect(...) gives, not {type(connection).__name__}")
    if connection is None:
        connection = duckdb.connect(":memory:")
        is_watched = statement_counter(connection) is not None  # what changes its tables is known
        return AttachedConnection(connection, _in_memory(settings) if is_watched else None)
    name, path = (connection.execute(_FIRST).fetchall() or [(None, None)])[0]
    if path is not None:
        return AttachedConnection(connection, Layouts(Path(path).absolute(), str(name), settings))
    if name is None or statement_counter(connection) is None:
        return AttachedConnection(connection, None)
    alone = Alone(connection)
    is_open = open_transaction(lambda sql: connection.execute(sql).fetchall()) is not None
    attached = AttachedConnection(connection, _in_memory(settings, alone), is_open=is_open)
    alone.attached(attached)
    return attached


def _in_memory(settings: Settings, alone: Alone | None = None) -> Layouts:
    """Layouts of a database in memory, in a directory that goes with them."""
    scratch = ScratchDirectory("memory")
    layouts = Layouts(Path(scratch.name, "memory"), "memory", settings, Watch(alone))
    weakref.finalize(layouts, scratch.cleanup)
    return layouts


def explain(connection: AttachedConnection, sql: str, params: Parameters | None = None) -> Explained:
    """Which engine answers a query, with Locality's plan, or the reason why it is DuckDB; prints as text."""
    return connection.explained(sql, params)
