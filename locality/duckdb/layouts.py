"""The sidecar store: layouts of the tables of one DuckDB database file, each with the state that it was copied in."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from locality.duckdb.effects import Ledger
from locality.duckdb.stamp import UNKNOWN, Print, Stamp, from_json, is_untouched, keeps_names, read_stamp
from locality.errors import CatalogError, StoreError, Unsupported
from locality.settings import Settings
from locality.storage import durable
from locality.storage.catalog import fold

if TYPE_CHECKING:
    from locality.connection import Connection
    from locality.duckdb.alone import Alone
    from locality.duckdb.copying import Copier
    from locality.duckdb.session import Names
    from locality.duckdb.watch import Watch
    from locality.sql.settings import Schema

#: The file in the store that holds the states.
_STATES = "duckdb.json"
_TRIES = 3


class Layouts:
    """Layouts of one database's tables; connections and cursors share them, on any thread."""

    def __init__(self, database: Path, catalog: str, settings: Settings, watch: Watch | None = None) -> None:
        """``catalog``: the name of the database in SQL; ``watch``: of one in memory, which has no file."""
        self.database = database
        self.watch = watch
        self.catalog = catalog
        self.path = database.with_name(database.name + ".locality")
        self._settings = settings
        self._lock = threading.RLock()
        self._states, self._prints = self._read()
        self.ledger = Ledger()
        self.names_of_new: tuple[int, Mapping[str, str], Names] | None = None  # by number of statements; see routing.py
        self._known: object = None
        self._fresh: frozenset[str] = frozenset()
        self._connections: dict[frozenset[tuple[str, str]], tuple[Schema, Connection]] = {}

    @property
    def tables(self) -> list[str]:
        """The names of the tables that have a layout, whether it can be used or not."""
        return list(self._states)

    def fresh(self, stamp: Stamp) -> frozenset[str]:
        """The tables, by folded name, that hold what the database held in this state."""
        key = (stamp, tuple(self._states.values()))
        if key != self._known:
            found = (name for name, state in self._states.items() if self._is_fresh(name, state, stamp))
            self._known, self._fresh = key, frozenset(map(fold, found))
        return self._fresh

    def stamp(self) -> Stamp:
        """The present state of the database; raises Unsupported if it can't be told."""
        return read_stamp(self.database) if self.watch is None else self.watch.stamp()

    def keeps_names(self, since: Stamp, now: Stamp) -> bool:
        """Whether commits from one state to a later one changed no names; in memory the count of statements tells."""
        try:
            return self.watch is not None or keeps_names(self.database, since, now)
        except OSError:  # a checkpoint has removed the log
            return False

    @property
    def content(self) -> object:
        """Another object once layouts were built or dropped."""
        return self._states

    def cursor(self, raw: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """Another connection to the database."""
        return raw.cursor() if self.alone is None else self.alone.cursor(raw)

    @property
    def alone(self) -> Alone | None:
        """What tells whether others reach a database in memory that was opened elsewhere."""
        return None if self.watch is None else self.watch.alone

    def _is_fresh(self, name: str, state: Stamp, stamp: Stamp) -> bool:
        if self.watch is not None:
            return self.watch.is_untouched(fold(name), state)
        try:
            return is_untouched(self.database, name, state, stamp)
        except OSError:  # a checkpoint has removed the log
            return False

    def check(self, table: str) -> Callable[[], None]:
        """What raises StoreError once this table's layout, as it is now, is not what the database holds."""
        (state,) = (state for name, state in self._states.items() if fold(name) == fold(table))

        def compare() -> None:
            if not self._is_fresh(table, state, self.stamp()):
                raise StoreError(f"the database was written to since this dataset of {table!r} was made: make another")

        return compare

    def connection(self, followed: Mapping[str, str], schema: Schema) -> Connection:
        """A connection that reads the layouts and plans with these values of DuckDB's settings, in this schema."""
        from locality.connection import Connection  # the engine, which attaching leaves alone
        from locality.sql.planner import Planner

        key = frozenset(followed.items())
        with self._lock:
            known = self._connections.get(key)
            if known is None or known[0] != schema:  # others may still use the one of a former schema: it isn't closed
                settings = replace(self._settings, fallback=False, workload_log=True)
                planner = Planner(followed, schema)
                connection = Connection(self.path, settings, read_only=True, planner=planner)
                self._connections[key] = known = schema, connection
            return known[1]

    def build(self, raw: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
        """Copy these tables, or all of the database, as they are now.

        Raises CatalogError for a table that is not there, SchemaError for one that can't be copied exactly, StoreError
        if others keep writing to the database meanwhile.
        """
        self._until_one_state(raw, lambda copier: self._copy(copier, copier.resolve(names), {}))

    def refresh(self, raw: duckdb.DuckDBPyConnection) -> None:
        """Have the layouts hold what the database holds; only what changed is copied. Raises as :meth:`build`."""
        if len(self.fresh(self._stamp_to_copy())) < len(self._states):
            names = list(self._states)  # all: a checkpoint hides which tables the log named
            self._until_one_state(raw, lambda copier: self._copy(copier, copier.resolve(names), self._prints))

    def _until_one_state(self, raw: duckdb.DuckDBPyConnection, copy: Callable[[Copier], dict[str, Print]]) -> None:
        """Copy, several times if needed, until the tables are copied in one state, which they are then known by.

        A transaction that begins after the stamp was read sees every commit that the stamp has seen to its end, since
        DuckDB ends its log entry and makes the commit visible under one lock, which a transaction takes to begin. If
        the stamp, or the log about these tables, is the same after the copy, no other commit was seen either.
        """
        from locality.duckdb.copying import Copier
        from locality.storage.store import Store

        with self._lock:
            with contextlib.suppress(duckdb.Error), self.cursor(raw) as cursor:  # read-only, or others are writing
                cursor.checkpoint()  # or the log would be at close, and the layouts would be of another state
            for _ in range(_TRIES):
                before = self._stamp_to_copy()
                with self.cursor(raw) as cursor, Store.open(self.path) as store:
                    cursor.begin()
                    try:
                        prints = copy(Copier(cursor, self.catalog, store, self._settings))
                    finally:  # tables that can't be kept are not in the store
                        self._forget_states(self._states.keys() - store.snapshot().tables.keys())
                    cursor.rollback()
                after = self._stamp_to_copy()
                if all(self._is_fresh(name, before, after) for name in prints):
                    self._write({**self._states, **dict.fromkeys(prints, before)}, {**self._prints, **prints})
                    return
                self._write(self._states, {**self._prints, **prints})  # the next copy begins with what this one left
        raise StoreError(f"{self.database} was written to while its tables were copied, {_TRIES} times in a row")

    def _stamp_to_copy(self) -> Stamp:
        try:
            return self.stamp()
        except Unsupported as reason:
            raise StoreError(f"tables can't be copied now: {reason}") from None

    def _copy(self, copier: Copier, wanted: Sequence[str], known: Mapping[str, Print]) -> dict[str, Print]:
        """Copy tables: behind the rows that a known print has, or whole; returns their prints."""
        grown = {name: copier.grown(name, known[name]) for name in wanted if name in known}
        whole = copier.with_children([name for name in wanted if grown.get(name) is None])
        held = [name for name in self._states if name in whole or name not in copier.tables]
        self._doubt({*wanted, *held})
        copier.copy([name for name in copier.tables if name in whole and name in {*wanted, *held}], held)
        for name in copier.order(wanted):
            if name not in whole and (now := grown[name]) is not None and now.last > known[name].last:
                copier.append(name, known[name].last)
        copied = {*wanted, *held} & copier.tables.keys()
        return {name: grown.get(name) or copier.print_of(name) for name in copied}

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
        for _, connection in tuple(self._connections.values()):
            connection.interrupt()

    def close(self) -> None:
        """Let the store go."""
        with self._lock:
            for _, connection in self._connections.values():
                connection.close()
            self._connections.clear()

    def _doubt(self, names: Collection[str]) -> None:
        """Use the layouts of these tables no more until they are known to hold a state of the database."""
        prints = {name: each for name, each in self._prints.items() if name not in names}
        self._write({**self._states, **dict.fromkeys(names, UNKNOWN)}, prints)

    def _forget_states(self, names: Collection[str]) -> None:
        if names:
            self._write({name: state for name, state in self._states.items() if name not in names}, self._prints)

    def _read(self) -> tuple[dict[str, Stamp], dict[str, Print]]:
        try:
            content = json.loads((self.path / _STATES).read_text())
            prints = {name: Print(**known) for name, known in content.get("prints", {}).items()}
            return {name: from_json(state) for name, state in content["tables"].items()}, prints
        except FileNotFoundError:
            return {}, {}
        except (ValueError, KeyError, TypeError):
            raise StoreError(f"{self.path / _STATES} is damaged; remove the directory: it can be built again") from None

    def _write(self, states: dict[str, Stamp], prints: dict[str, Print]) -> None:
        known = {name: prints[name] for name in states if name in prints}
        content = {
            "tables": {name: dataclasses.asdict(state) for name, state in states.items()},
            "prints": {name: dataclasses.asdict(each) for name, each in known.items()},
        }
        durable.replace_file(self.path / _STATES, json.dumps(content).encode())
        self._states, self._prints = states, known
