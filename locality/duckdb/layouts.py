"""The sidecar store: layouts of the tables of one DuckDB database file, each with the state that it was copied in."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from locality.connection import Connection
from locality.duckdb.stamp import Stamp, from_json, read_stamp
from locality.errors import CatalogError, SchemaError, StoreError
from locality.settings import Settings
from locality.sql.quoting import identifier
from locality.storage import durable
from locality.storage.catalog import fold
from locality.storage.ingest import ingest
from locality.storage.store import Store
from locality.types import Domain

#: The file in the store that holds the states.
_STATES = "duckdb.json"
_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_TRIES = 3
_TABLES = """
select table_name, sql from duckdb_tables()
where database_name = ? and schema_name = 'main' and not internal and not temporary
"""
_KEYS = """
select table_name, constraint_type, constraint_column_names, referenced_table, referenced_column_names
from duckdb_constraints()
where database_name = ? and schema_name = 'main' and constraint_type in ('PRIMARY KEY', 'FOREIGN KEY')
"""


@dataclass(frozen=True)
class _Keys:
    primary: tuple[str, ...] = ()
    foreign: tuple[tuple[str, str], ...] = ()
    parents: tuple[str, ...] = ()


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
        wanted = {fold(name) for name in names}
        with self._lock, Store.open(self.path) as store:
            held = [name for name in self._states if fold(name) in wanted]
            if missing := wanted - {fold(name) for name in held}:
                raise CatalogError(f"table {min(missing)!r} has no layout")
            self._drop(store, held)

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
        before = read_stamp(self.database)
        with raw.cursor() as cursor, Store.open(self.path) as store:
            cursor.begin()
            tables, keys = self._declared(cursor)
            wanted = _resolve(names, tables)
            for name in wanted:
                _check(name, tables[name])
            self._drop(store, [name for name in self._states if name in wanted or name not in tables])
            for name in _parents_first(wanted, keys):
                declared = keys.get(name, _Keys())
                held = store.snapshot().tables
                relation = cursor.sql(f"select * from {identifier(self.catalog)}.main.{identifier(name)}")
                ingest(
                    store,
                    name,
                    relation,
                    mode="replace",
                    primary_key=declared.primary or None,
                    foreign_keys={a: b for a, b in declared.foreign if b.partition("(")[0] in held},
                    threads=self._settings.threads,
                    progress=self._settings.progress,
                )
                _check_types(store, name, relation)
            cursor.rollback()
        if read_stamp(self.database) != before:
            return False
        self._write({**self._states, **dict.fromkeys(wanted, before)})
        return True

    def _declared(self, cursor: duckdb.DuckDBPyConnection) -> tuple[dict[str, str], dict[str, _Keys]]:
        """The text that creates each table, and keys by table."""
        tables = dict(cursor.execute(_TABLES, [self.catalog]).fetchall())
        keys: dict[str, _Keys] = {}
        for name, kind, columns, parent, parents in cursor.execute(_KEYS, [self.catalog]).fetchall():
            known = keys.get(name, _Keys())
            if not all(_NAME.fullmatch(column) for column in (*columns, *parents)):
                continue
            if kind == "PRIMARY KEY":
                keys[name] = replace(known, primary=tuple(columns))
            elif parent != name:
                key = (", ".join(columns), f"{parent}({', '.join(parents)})")
                keys[name] = replace(known, foreign=(*known.foreign, key), parents=(*known.parents, parent))
        return tables, keys

    def _drop(self, store: Store, names: Sequence[str]) -> None:
        """Drop layouts, children before parents: as many rounds as keys lead from one to the next."""
        self._write({name: state for name, state in self._states.items() if name not in names})
        left = [name for name in store.snapshot().tables if name in names]
        while left:
            kept = []
            for name in left:
                try:
                    store.drop(name)
                except CatalogError:
                    kept.append(name)
            if len(kept) == len(left):
                raise CatalogError(f"the layout of {kept[0]!r} is named by a foreign key of another one; name both")
            left = kept

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


def _resolve(names: Sequence[str], tables: Mapping[str, Any]) -> list[str]:
    known = {fold(name): name for name in tables}
    for name in names:
        if fold(name) not in known:
            raise CatalogError(f"there is no table {name!r} in schema main of the database")
    return [known[fold(name)] for name in names] if names else list(tables)


def _check(name: str, sql: str) -> None:
    if not _NAME.fullmatch(name):
        raise SchemaError(f"table {name!r} can't have a layout: its name is not a plain identifier")
    if re.search(r"\bcollate\b", sql, re.IGNORECASE):
        raise SchemaError(f"table {name!r} can't have a layout: a column of it has a collation")


def _check_types(store: Store, name: str, relation: duckdb.DuckDBPyRelation) -> None:
    """Raise SchemaError unless every flat column has the type that it has in DuckDB."""
    for column, dtype in zip(store.snapshot().tables[name].columns, relation.types, strict=True):
        if column.type.domain is not Domain.NESTED and str(column.type) != str(dtype):
            store.drop(name)
            raise SchemaError(
                f"table {name!r} can't have a layout: column {column.name!r} is {dtype}, kept as {column.type}"
            )


def _parents_first(names: Sequence[str], keys: Mapping[str, _Keys]) -> list[str]:
    ordered: list[str] = []

    def visit(name: str, above: frozenset[str]) -> None:
        if name in ordered or name in above or name not in names:
            return
        for parent in keys.get(name, _Keys()).parents:
            visit(parent, above | {name})
        ordered.append(name)

    for name in names:
        visit(name, frozenset())
    return ordered
