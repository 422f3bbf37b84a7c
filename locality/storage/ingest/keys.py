"""Keys: how they are declared, and what must hold of a table's, and of those that name it, before a commit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from locality.errors import CatalogError, SchemaError
from locality.storage.catalog import NameMap, column_positions, fold, listed
from locality.storage.entries import TableEntry
from locality.storage.ingest.orphans import check_children
from locality.storage.ingest.proofs import check_references, check_unique, unique_columns
from locality.storage.snapshot import open_table
from locality.storage.table import ForeignKey, Table
from locality.storage.transaction import Transaction

_REFERENCE = re.compile(r"\s*(?P<table>[^()]+?)\s*(\((?P<columns>[^()]*)\))?\s*")


def parse_primary_key(declared: str | Sequence[str] | None) -> tuple[str, ...]:
    """The columns of a declared primary key; a text is the name of one."""
    if declared is None:
        return ()
    return (declared,) if isinstance(declared, str) else tuple(declared)


def parse_foreign_keys(declared: Mapping[str, str] | Sequence[ForeignKey] | None) -> tuple[ForeignKey, ...]:
    """Foreign keys from ``{"a, b": "parent(x, y)"}``; raises SchemaError for anything else.

    ``{"a": "parent"}`` means the parent's primary key. Names with commas or parentheses need ForeignKey objects.
    """
    if not isinstance(declared, Mapping):
        if not all(isinstance(key, ForeignKey) for key in declared or ()):
            raise SchemaError("foreign keys are declared as {'column': 'table(column)'}")
        return tuple(declared or ())
    keys = []
    for columns, reference in declared.items():
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise SchemaError(f"the foreign key of {columns!r} is {reference!r}, not of the form 'table(column)'")
        keys.append(ForeignKey(_names(columns), match["table"], _names(match["columns"] or "")))
    return tuple(keys)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",")) if text.strip() else ()


def check(transaction: Transaction, entry: TableEntry) -> TableEntry:
    """The table with its keys resolved and checked, and unique columns noted; it is written but not committed.

    Foreign keys of other tables that name it are checked, too.

    Raises:
        KeyViolation: a key does not hold.
        SchemaError, CatalogError: a key names a column or table that is not there, or does not fit.
    """
    tables = _opened(transaction, entry)
    table = tables[entry.name]
    positions = column_positions(table.name, table.column_names, entry.primary_key)
    entry = replace(
        entry,
        primary_key=tuple(table.column_names[position] for position in positions),
        unique=unique_columns(table),
        foreign_keys=tuple(_resolve(table, key, tables) for key in entry.foreign_keys),
    )
    if entry.primary_key:
        check_unique(table, entry.primary_key, "primary key", transaction.staging)
    for child in _entries(transaction, entry):
        for key in child.foreign_keys:
            if fold(entry.name) in (fold(child.name), fold(key.table)):
                key = _resolve(tables[child.name], key, tables)
                _check_target(transaction, entry, child, key, tables[key.table])
                check_references(tables[child.name], key, tables[key.table], transaction.staging)
    return entry


def check_change(transaction: Transaction, entry: TableEntry, added: int, deleted: npt.NDArray[np.int64]) -> TableEntry:
    """The table after rows came and went, its unique columns noted; it is written but not committed.

    Looked at are the keys that such a change may break. Raises KeyViolation if one does not hold.

    added: how many segments at the table's end are new; deleted: the ids, ascending, of the rows that went.
    """
    tables = _opened(transaction, entry)
    table = tables[entry.name]
    since, scratch = len(entry.primary.segments) - added, transaction.staging
    if added:
        # rows that come make no column unique that was not, unless there were none before
        entry = replace(entry, unique=unique_columns(table, entry.unique if since else None, since))
        if entry.primary_key:
            check_unique(table, entry.primary_key, "primary key", scratch, since)
        for key in entry.foreign_keys:
            check_references(table, key, tables[key.table], scratch, since)
    before = open_table(transaction.store, transaction.tables[entry.name])
    for child in _entries(transaction, entry):
        for key in child.foreign_keys:
            if fold(key.table) == fold(entry.name):
                if added:
                    _check_target(transaction, entry, child, key, table)
                if len(deleted):
                    check_children(tables[child.name], key, before, table, deleted, since, scratch)
    return entry


def _check_target(
    transaction: Transaction, entry: TableEntry, child: TableEntry, key: ForeignKey, parent: Table
) -> None:
    """Raise KeyViolation unless the columns that a foreign key leads to identify a row of its parent."""
    known = entry if fold(parent.name) == fold(entry.name) else transaction.tables[parent.name]
    if not _is_key(known, key.parents):
        check_unique(parent, key.parents, f"the target of a foreign key of {child.name!r},", transaction.staging)


def _entries(transaction: Transaction, entry: TableEntry) -> list[TableEntry]:
    """All tables' entries, that of one as it would become."""
    return [*(other for other in transaction.tables.values() if fold(other.name) != fold(entry.name)), entry]


def _opened(transaction: Transaction, entry: TableEntry) -> NameMap[Table]:
    return NameMap([open_table(transaction.store, each) for each in _entries(transaction, entry)])


def _is_key(entry: TableEntry, columns: tuple[str, ...]) -> bool:
    return set(columns) == set(entry.primary_key) or any(column in entry.unique for column in columns)


def _resolve(table: Table, key: ForeignKey, tables: NameMap[Table]) -> ForeignKey:
    """The key in the spelling of the tables; raises CatalogError or SchemaError if it does not fit them."""
    parent = tables.get(key.table)
    if parent is None:
        raise CatalogError(f"a foreign key of {table.name!r} names the table {key.table!r}, which is not in the store")
    columns, parents = key.columns, key.parents or parent.primary_key
    if not parents or len(columns) != len(parents):
        raise SchemaError(
            f"the foreign key {listed(columns)} of {table.name!r} does not match a key of {parent.name!r}"
        )
    ours = [table.columns[i] for i in column_positions(table.name, table.column_names, columns)]
    theirs = [parent.columns[i] for i in column_positions(parent.name, parent.column_names, parents)]
    for our, their in zip(ours, theirs, strict=True):
        if our.type != their.type and not (our.type.is_integral and their.type.is_integral):
            raise SchemaError(
                f"column {our.name!r} of {table.name!r} is {our.type}, but {their.name!r} of {parent.name!r}, "
                f"which it refers to, is {their.type}"
            )
    return ForeignKey(tuple(c.name for c in ours), parent.name, tuple(c.name for c in theirs))
