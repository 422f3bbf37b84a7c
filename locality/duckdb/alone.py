"""Whether a database in memory that a program opened itself is reached by the attached connection and nobody else.

Who writes to it must tell (``watch.py``). So nobody may have its connection but the attached one, nor any other one.

1. *The connection.* Whoever can call it holds a reference to it, so there must be as many as there are to one that only
   an attached connection has. DuckDB's own default connection, and appenders, count as none: it isn't that one, and no
   appender is alive.
2. *Other connections.* When the database was attached there was one. DuckDB numbers its connections in turn, so those
   that were made since, by name (``:memory:name``) perhaps, are as many as a new one's number tells, less ours.
"""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

import duckdb

from locality.errors import StoreError, Unsupported

if TYPE_CHECKING:
    from locality.duckdb.connection import AttachedConnection

_NUMBER = "select current_connection_id()"
_COUNT = "from duckdb_connection_count()"
_WHAT_TO_DO = (
    "pass it without keeping it, as in con = locality.attach(duckdb.connect()), or call locality.attach() without a"
    " connection, or use a database in a file"
)


class Alone:
    """Of one database, whose connection ``raw`` is being attached; connections on several threads share it."""

    def __init__(self, raw: duckdb.DuckDBPyConnection) -> None:
        self._lock = threading.Lock()
        self._first: Callable[[], AttachedConnection | None] = lambda: None
        self._is_claimed = False
        self._made = 0
        with raw.cursor() as cursor:
            self._is_reached = cursor.execute(_COUNT).fetchall() != [(2,)]
            self._last = _number(cursor)

    def attached(self, connection: AttachedConnection) -> None:
        """Say which connection of ours has the database's first one."""
        self._first = weakref.ref(connection)

    def cursor(self, raw: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """A cursor, which is one of ours."""
        with self._lock:
            self._made += 1
            return raw.cursor()

    def claim(self, connection: AttachedConnection) -> None:
        """Make sure that nobody has the connection that was attached but ``connection``.

        Raises StoreError if somebody may have, and says what to do.
        """
        if self._is_claimed:
            return
        if connection is not self._first():
            raise StoreError("the first layouts in memory are made by the attached connection itself, not by a cursor")
        connection._ask("select 1")  # fails while a statement is unfinished, which may change rows yet
        if is_held(connection):
            raise StoreError(
                "the connection in memory is held elsewhere, too, by a variable or relation perhaps, through which it"
                f" could be written to unnoticed: {_WHAT_TO_DO}"
            )
        if gc.get_freeze_count():
            raise StoreError(f"what was there when gc.freeze was called might write unnoticed: {_WHAT_TO_DO}")
        if _are_appenders_used():
            raise StoreError("an appender may write to the database in memory unnoticed: let go of all appenders")
        self._is_claimed = True
        try:
            self.check()
        except Unsupported as reason:
            raise StoreError(f"{reason}: {_WHAT_TO_DO}") from None

    def check(self) -> None:
        """Raise Unsupported once another connection was made, or if the connection can't be asked."""
        first = self._first()
        with self._lock:
            if first is None or not self._is_claimed:
                raise Unsupported("no layouts were made of the database in memory")
            try:
                with first._raw.cursor() as cursor:
                    number = _number(cursor)
            except duckdb.Error:
                raise Unsupported("the attached connection in memory was closed") from None
            self._is_reached |= number != self._last + self._made + 1
            self._last, self._made = number, 0
            if self._is_reached:
                raise Unsupported("another connection to the database in memory was made")


def is_held(connection: AttachedConnection) -> bool:
    """Whether somebody may have DuckDB's connection but the attached one; nobody can get hold of it later.

    For lack of a better sign: there are more references to it than to one that only an attached connection has.
    """
    with connection.cursor() as example:
        return _references(connection) != _references(example) or duckdb.default_connection() is connection._raw


def is_ours(connection: AttachedConnection) -> bool:
    """Whether whatever is run on DuckDB's connection from now on is run by the attached one."""
    return not (is_held(connection) or gc.get_freeze_count() or _are_appenders_used())


def _are_appenders_used() -> bool:
    """Whether somebody has an appender, to any database."""
    if not _appenders():
        return False
    gc.collect()
    return _appenders()


def _appenders() -> bool:
    return any(type(each) is duckdb.Appender for each in gc.get_objects())


def _references(connection: AttachedConnection) -> tuple[int, int]:
    """How many references, and weak ones, there are to DuckDB's connection that an attached one holds."""
    return sys.getrefcount(connection._raw), weakref.getweakrefcount(connection._raw)


def _number(cursor: duckdb.DuckDBPyConnection) -> int:
    return int(cursor.execute(_NUMBER).fetchall()[0][0])
