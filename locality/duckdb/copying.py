"""Copying tables of a DuckDB database into the sidecar store: in one transaction, exactly, or not at all."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb

from locality.duckdb.stamp import Print
from locality.errors import CatalogError, SchemaError
from locality.settings import Settings
from locality.sql.quoting import identifier
from locality.storage.catalog import fold
from locality.storage.ingest import ingest
from locality.storage.store import Store

_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
#: Types whose values have equal hashes only if they are the same; 0.0 and -0.0 have, and so have 30 days and a month.
_HASHED = re.compile(
    r"(TINY|SMALL|BIG|HUGE|U|UTINY|USMALL|UBIG|UHUGE)?INT(EGER)?$|DECIMAL|VARCHAR$|BLOB$|BOOLEAN$|DATE$|TIME$"
    r"|TIMESTAMP|UUID$|ENUM"
)
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


class Copier:
    """Copies tables of a database, in the transaction that is open on ``cursor``, into a store."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, catalog: str, store: Store, settings: Settings) -> None:
        """``catalog``: the name of the database in SQL."""
        self._cursor = cursor
        self._catalog = catalog
        self._store = store
        self._settings = settings
        self.tables, self._keys = self._declared()

    def resolve(self, names: Sequence[str]) -> list[str]:
        """The tables of these names as the database spells them, all if none is named.

        Raises CatalogError for one that is not there, SchemaError for one that can't be copied exactly.
        """
        known = {fold(name): name for name in self.tables}
        for name in names:
            if fold(name) not in known:
                raise CatalogError(f"there is no table {name!r} in schema main of the database")
        wanted = [known[fold(name)] for name in names] if names else list(self.tables)
        for name in wanted:
            _check(name, self.tables[name])
        return wanted

    def print_of(self, name: str, last: int | None = None) -> Print:
        """The print of the rows of a table, up to row id ``last`` if it is given."""
        where = "" if last is None else f"where rowid <= {last}"
        columns = self._cursor.sql(f"from {self._qualified(name)}")
        exact = (
            identifier(column) if _HASHED.match(str(dtype)) else f"{identifier(column)}::varchar"
            for column, dtype in zip(columns.columns, columns.types, strict=True)
        )
        each = f"select rowid as id, hash({', '.join(exact)}) as h from {self._qualified(name)} {where}"
        (found,) = self._cursor.execute(
            f"select coalesce(max(id), -1), count(*), coalesce(sum(h), 0), coalesce(bit_xor(h), 0) from ({each})"
        ).fetchall()
        return Print(self.tables[name], *map(int, found))

    def grown(self, name: str, known: Print) -> Print | None:
        """The table's print now if it has the rows that had print ``known``, and maybe more behind; or else None."""
        if name not in self.tables or self.tables[name] != known.sql or self.print_of(name, known.last) != known:
            return None
        return self.print_of(name)

    def with_children(self, names: Collection[str]) -> set[str]:
        """These tables and those whose keys lead to one of them."""
        found = set(names)
        while more := {name for name, keys in self._keys.items() if found.intersection(keys.parents)} - found:
            found |= more
        return found

    def append(self, name: str, behind: int) -> None:
        """Copy the rows with greater row ids, too."""
        relation = self._cursor.sql(f"select * from {self._qualified(name)} where rowid > {behind}")
        settings = self._settings
        ingest(self._store, name, relation, mode="append", threads=settings.threads, progress=settings.progress)

    def order(self, names: Sequence[str]) -> list[str]:
        """The tables, parents before children."""
        return _parents_first(names, self._keys)

    def copy(self, names: Sequence[str], replaced: Sequence[str]) -> None:
        """Copy these tables, with the keys that they declare, after ``replaced`` were dropped."""
        drop_tables(self._store, replaced)
        for name in self.order(names):
            declared = self._keys.get(name, _Keys())
            held = self._store.snapshot().tables
            relation = self._cursor.sql(f"select * from {self._qualified(name)}")
            ingest(
                self._store,
                name,
                relation,
                mode="replace",
                primary_key=declared.primary or None,
                foreign_keys={a: b for a, b in declared.foreign if b.partition("(")[0] in held},
                threads=self._settings.threads,
                progress=self._settings.progress,
            )
            _check_types(self._store, name, relation)

    def _qualified(self, name: str) -> str:
        return f"{identifier(self._catalog)}.main.{identifier(name)}"

    def _declared(self) -> tuple[dict[str, str], dict[str, _Keys]]:
        """The text that creates each table, and keys by table."""
        tables = dict(self._cursor.execute(_TABLES, [self._catalog]).fetchall())
        keys: dict[str, _Keys] = {}
        for name, kind, columns, parent, parents in self._cursor.execute(_KEYS, [self._catalog]).fetchall():
            known = keys.get(name, _Keys())
            if not all(_NAME.fullmatch(column) for column in (*columns, *parents)):
                continue
            if kind == "PRIMARY KEY":
                keys[name] = replace(known, primary=tuple(columns))
            elif parent != name:
                key = (", ".join(columns), f"{parent}({', '.join(parents)})")
                keys[name] = replace(known, foreign=(*known.foreign, key), parents=(*known.parents, parent))
        return tables, keys


def drop_tables(store: Store, names: Sequence[str]) -> None:
    """Drop layouts, children before parents: as many rounds as keys lead from one to the next."""
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


def _check(name: str, sql: str) -> None:
    if not _NAME.fullmatch(name):
        raise SchemaError(f"table {name!r} can't have a layout: its name is not a plain identifier")
    if re.search(r"\bcollate\b", sql, re.IGNORECASE):
        raise SchemaError(f"table {name!r} can't have a layout: a column of it has a collation")


def _check_types(store: Store, name: str, relation: duckdb.DuckDBPyRelation) -> None:
    """Raise SchemaError unless every column has the type that it has in DuckDB."""
    for column, dtype in zip(store.snapshot().tables[name].columns, relation.types, strict=True):
        if str(column.sql_type) != str(dtype):
            store.drop(name)
            raise SchemaError(
                f"table {name!r} can't have a layout: column {column.name!r} is {dtype}, kept as {column.sql_type}"
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
