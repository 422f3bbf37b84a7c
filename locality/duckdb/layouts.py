"""The sidecar store: layouts of the tables of one DuckDB database file, each with the state that it was copied in."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from locality.duckdb.stamp import Stamp, from_json, read_stamp
from locality.errors import CatalogError, StoreError
from locality.settings import Settings
from locality.storage import durable
from locality.storage.catalog import fold

if TYPE_CHECKING:
    from locality.connection import Connection

#: The file in the store that holds the states.
_STATES = "duckdb.json"
_TRIES = 3


class Layouts:
    """Layouts of one database's tables; connections and cursors share them, on any thread."""

    def __init__(self, database: Path, catalog: str, settings: Settings) -> None:
        """``catalog``: the name of the database in SQL."""
        self.database = database
        self.catalog = catalog
        self.path = database.with_name(database.name + ".locality")
        self._settings = settings
        self._lock = threading.RLock()
        self._states = self._read()
        self._connections: dict[frozenset[tuple[str, str]], Connection] = {}

    @property
    def tables(self) -> list[str]:
        """The names of the tables that have a layout, whether it can be used or not."""
        return list(self._states)

    def fresh(self, stamp: Stamp) -> frozenset[str]:
        """The tables, by folded name, that hold what the database held in this state."""
        return frozenset(fold(name) for name, state in self._states.items() if state == stamp)

    def check(self, table: str) -> Callable[[], None]:
        """What raises StoreError once this table's layout, as it is now, is not what the database holds."""
        (state,) = (state for name, state in self._states.items() if fold(name) == fold(table))

        def compare() -> None:
            if read_stamp(self.database) != state:
                raise StoreError(f"the database was written to since this dataset of {table!r} was made: make another")

        return compare

    def connection(self, followed: Mapping[str, str]) -> Connection:
        """A connection that reads the layouts and plans with these values of DuckDB's settings."""
        from locality.connection import Connection  # the engine, which attaching leaves alone

        key = frozenset(followed.items())
        with self._lock:
            if key not in self._connections:
                settings = replace(self._settings, fallback=False, workload_log=True)
                connection = Connection(self.path, settings, read_only=True)
                if followed:
                    connection.follow(followed)
                self._connections[key] = connection
            return self._connections[key]

    def build(self, raw: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
        """Copy these tables, or all of the database, as they are now.

        Raises CatalogError for a table that is not there, SchemaError for one that can't be copied exactly, StoreError
        if others keep writing to the database meanwhile.
        """
        with self._lock:
            with contextlib.suppress(duckdb.Error):  # read-only, or others are writing
                raw.checkpoint()  # or the log would be at close, and the layouts would be of another state
            for _ in range(_TRIES):
                if self._copy(raw, names):
                    return
        raise StoreError(f"{self.database} was written to while its tables were copied, {_TRIES} times in a row")

    def forget(self, names: Iterable[str]) -> None:
        """Drop the layouts of these tables."""
        from locality.duckdb.copying import drop_tables
        from locality.storage.store import Store

        wanted = {fold(name) for name in names}
        with self._lock, Store.open(self.path) as store:
            held = [name for name in self._states if fold(name) in wanted]
            if missing := wanted - {fold(name) for name in held}:
                raise CatalogError(f"table {min(missing)!r} has no layout")
            self._forget_states(held)
            drop_tables(store, held)

    def interrupt(self) -> None:
        """Stop the queries that are running over the layouts."""
        for connection in tuple(self._connections.values()):
            connection.interrupt()

    def close(self) -> None:
        """Let the store go."""
        with self._lock:
            for connection in self._connections.values():
                connection.close()
            self._connections.clear()

    def _copy(self, raw: duckdb.DuckDBPyConnection, names: Sequence[str]) -> bool:
        """Whether the tables were copied in one state, which the copies are then known by.

        A transaction that begins after the stamp was read sees every commit that the stamp has seen to its end, since
        DuckDB ends its log entry and makes the commit visible under one lock, which a transaction takes to begin. If
        the stamp is the same after the copy, no other commit was seen either.
        """
        from locality.duckdb.copying import Copier
        from locality.storage.store import Store

        before = read_stamp(self.database)
        with raw.cursor() as cursor, Store.open(self.path) as store:
            cursor.begin()
            copier = Copier(cursor, self.catalog, store, self._settings)
            wanted = copier.resolve(names)
            gone = [name for name in self._states if name in wanted or name not in copier.tables]
            self._forget_states(gone)
            copier.copy(wanted, gone)
            cursor.rollback()
        if read_stamp(self.database) != before:
            return False
        self._write({**self._states, **dict.fromkeys(wanted, before)})
        return True

    def _forget_states(self, names: Iterable[str]) -> None:
        self._write({name: state for name, state in self._states.items() if name not in names})

    def _read(self) -> dict[str, Stamp]:
        try:
            content = json.loads((self.path / _STATES).read_text())
            return {name: from_json(state) for name, state in content["tables"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError):
            raise StoreError(f"{self.path / _STATES} is damaged; remove the directory: it can be built again") from None

    def _write(self, states: dict[str, Stamp]) -> None:
        content = {"tables": {name: dataclasses.asdict(state) for name, state in states.items()}}
        durable.replace_file(self.path / _STATES, json.dumps(content).encode())
        self._states = states
