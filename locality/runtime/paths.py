"""Columns of a table and of those that its foreign keys lead to, by the names that people give them.

A column of the table's own is its name. One of a parent is ``parent.column``, found by the shortest way, or the whole
way: ``orders.customer.nation.n_name``. A step is a table that a foreign key names, or the first column of the key,
where two keys name the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from locality.errors import SchemaError
from locality.plan.virtual import NAMES, ROW_ID, TYPES
from locality.storage.catalog import column_positions, fold
from locality.storage.entries import DerivedEntry
from locality.storage.snapshot import Snapshot
from locality.storage.table import ForeignKey, Table

Way = tuple[ForeignKey, ...]


@dataclass(frozen=True)
class OrderColumn:
    """A column that rows are ordered by.

    path: the foreign keys that lead from the table to the column's; none for a column of its own.
    """

    name: str
    path: Way
    column: str


def order_column(snapshot: Snapshot, table: Table, name: str) -> OrderColumn:
    """The column that a name means.

    Raises:
        SchemaError: there is no such column, or it has no order; or no foreign key, or more than one, leads there.
        CatalogError: there is no such table.
    """
    path, column = ((), name) if _has(table, name) or "." not in name else _way(snapshot, table, name)
    holder = snapshot.tables[path[-1].table] if path else table
    (position,) = column_positions(holder.name, holder.column_names, [column])
    found = holder.columns[position]
    if found.arrow is not None:
        raise SchemaError(f"column {found.name!r} of table {holder.name!r} is {found.type}, which has no order")
    return OrderColumn(_name(snapshot, table, path, found.name), path, found.name)


def derived_entry(snapshot: Snapshot, table: Table, name: str) -> DerivedEntry:
    """The column of a parent that a name means, not built yet; ``rowid`` is the position of the parent's row.

    Raises:
        SchemaError: there is no such column, or it is nested, or the table's own; or no foreign key, or more than one,
            leads there, or the way comes back to the table itself.
        CatalogError: there is no such table.
    """
    if _has(table, name) or "." not in name:
        raise SchemaError(f"column {name!r} is not one of a parent of table {table.name!r}: name it parent.column")
    path, column = _way(snapshot, table, name)
    if any(key.table == table.name for key in path):
        raise SchemaError(f"the way to {name!r} comes back to table {table.name!r}: only a parent's can be carried")
    holder = snapshot.tables[path[-1].table]
    if fold(column) == NAMES[ROW_ID] and not _has(holder, column):
        full = _name(snapshot, table, path, NAMES[ROW_ID])
        found, dtype = None, TYPES[ROW_ID]
    else:
        info = holder.columns[column_positions(holder.name, holder.column_names, [column])[0]]
        if info.arrow is not None:
            raise SchemaError(f"column {info.name!r} of table {holder.name!r} is {info.type}, which can't be carried")
        full = _name(snapshot, table, path, info.name)
        found, dtype = info.name, info.type
    if _has(table, full):
        raise SchemaError(f"table {table.name!r} has a column {full!r} of its own: no other can be carried as that")
    return DerivedEntry(full, dtype, path, found)


def _has(table: Table, column: str) -> bool:
    return fold(column) in map(fold, table.column_names)


def _way(snapshot: Snapshot, table: Table, name: str) -> tuple[Way, str]:
    """The way that a name takes to another table, and what is left of the name: a column's may have dots of its own."""
    path: Way = ()
    holder = table
    while not path or ("." in name and not _has(holder, name)):
        step, _, name = name.partition(".")
        path += _step(snapshot, holder, step)
        holder = snapshot.tables[path[-1].table]
    return path, name


def _step(snapshot: Snapshot, holder: Table, step: str) -> Way:
    """The foreign key that a step names, or the shortest way to the table that it names."""
    named = [key for key in holder.foreign_keys if fold(key.table) == fold(step)]
    if len(named) == 1:
        return (named[0],)
    if len(named) > 1:
        columns = " or ".join(repr(key.columns[0]) for key in named)
        raise SchemaError(
            f"more than one foreign key leads from table {holder.name!r} to {named[0].table!r}: name {columns} instead"
        )
    begun = [key for key in holder.foreign_keys if fold(key.columns[0]) == fold(step)]
    if len(begun) == 1 and step not in snapshot.tables:
        return (begun[0],)
    return _shortest(snapshot.tables, holder, snapshot.tables.table(step))


def _shortest(tables: Mapping[str, Table], table: Table, parent: Table) -> Way:
    """The shortest way from a table to another by foreign keys; raises SchemaError if there is none, or two."""
    ways: list[Way] = [(key,) for key in table.foreign_keys]
    seen = {table.name}
    while ways:
        found = [way for way in ways if way[-1].table == parent.name]
        if len(found) > 1:
            raise SchemaError(f"more than one foreign key leads from table {table.name!r} to {parent.name!r}")
        if found:
            return found[0]
        seen.update(way[-1].table for way in ways)
        ways = [(*way, key) for way in ways for key in tables[way[-1].table].foreign_keys if key.table not in seen]
    raise SchemaError(
        f"no foreign key leads from table {table.name!r} to {parent.name!r}: "
        "declare it when the table is ingested, with foreign_keys={...}"
    )


def _name(snapshot: Snapshot, table: Table, path: Way, column: str) -> str:
    """The whole way to a column, as :func:`_step` reads it."""
    names, holder = [], table
    for key in path:
        alone = sum(other.table == key.table for other in holder.foreign_keys) == 1
        names.append(key.table if alone else key.columns[0])
        holder = snapshot.tables[key.table]
    return ".".join([*names, column])
