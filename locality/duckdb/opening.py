"""``attach``: which layouts a DuckDB connection gets, by where its database lies."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from locality.duckdb.connection import AttachedConnection
from locality.duckdb.layouts import Layouts
from locality.duckdb.watch import Watch
from locality.settings import Settings
from locality.sql.versions import installed, statement_counter

if TYPE_CHECKING:
    from locality.runtime.explain import Explained
    from locality.sql.given import Parameters

#: The database that the connection was opened with, if it is in use: one attached later may have been told not to log.
_FILE = """
select database_name, path from (from duckdb_databases() where not internal order by database_oid limit 1)
where database_name = current_database() and path is not null and not encrypted
"""


def attach(connection: duckdb.DuckDBPyConnection | None = None, *, threads: int | None = None) -> AttachedConnection:
    """A connection that does what ``connection`` does, and answers queries over layouts of its tables where it can.

    Args:
        connection: an open connection; closing the attached one closes it. Without one, a new database in memory, which
            nobody else can reach: only so tables in memory can have layouts.
        threads: worker threads; default all cores that this process may use.

    Raises:
        StoreError: this version of DuckDB is not supported, or the sidecar store is damaged.
    """
    installed()
    settings = Settings() if threads is None else Settings(threads=max(1, threads))
    if connection is None:
        connection = duckdb.connect(":memory:")
        is_watched = statement_counter(connection) is not None  # what changes its tables is known
        return AttachedConnection(connection, _in_memory(settings) if is_watched else None)
    found = connection.execute(_FILE).fetchone()
    layouts = None if found is None else Layouts(Path(found[1]).absolute(), str(found[0]), settings)
    return AttachedConnection(connection, layouts)


def _in_memory(settings: Settings) -> Layouts:
    """Layouts of a database in memory, in a directory that goes with them."""
    folder = Path(tempfile.mkdtemp(prefix="locality-"))
    layouts = Layouts(folder / "memory", "memory", settings, Watch())
    weakref.finalize(layouts, shutil.rmtree, folder, ignore_errors=True)
    return layouts


def explain(connection: AttachedConnection, sql: str, params: Parameters | None = None) -> Explained:
    """Which engine answers a query, with Locality's plan, or the reason why it is DuckDB; prints as text."""
    return connection.explained(sql, params)
