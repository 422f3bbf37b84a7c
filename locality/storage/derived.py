"""Derived columns of a table: which of those that its layouts have still tell what the tables on the way say.

An append gives new rows their values, and a live row's parent can't go nor can its key change. So the values that were
built are true until values of rows of a table on the way change; row positions until its rows get other ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from locality.plan.derived import Derived, Reference
from locality.plan.virtual import ROW_ID
from locality.storage.catalog import NameMap, column_positions
from locality.storage.entries import DerivedEntry, TableEntry
from locality.storage.layout import DerivedColumn
from locality.storage.statistics import ColumnStatistics
from locality.storage.table import ForeignKey

_Found = list[tuple[str, int, DerivedEntry]]


def derived_columns(entry: TableEntry, tables: NameMap[TableEntry]) -> tuple[DerivedColumn, ...]:
    """The derived columns of a table that are true, numbered after its own; ``tables`` are all of the store."""
    found: dict[tuple[tuple[ForeignKey, ...], str | None], _Found] = {}
    for layout in entry.layouts:
        own = len(entry.columns if layout.columns is None else layout.columns)
        for place, column in enumerate(layout.derived, own):
            if is_true(column, entry, tables):
                found.setdefault(column.source, []).append((layout.name, place, column))
    numbered = enumerate(found.values(), len(entry.columns))
    return tuple(_column(number, columns, entry, tables) for number, columns in numbered)


def is_true(column: DerivedEntry, entry: TableEntry, tables: NameMap[TableEntry]) -> bool:
    """Whether the column of a live row of ``entry`` is what the tables on the way say now."""
    parents = _parents(column, entry, tables)
    if not parents or any(parent.changed > column.built for parent in parents):
        return False
    return column.column is not None or parents[-1].primary.written <= column.built


def can_be_built(column: DerivedEntry, entry: TableEntry, tables: NameMap[TableEntry]) -> bool:
    """Whether foreign keys still lead from ``entry`` to the column."""
    return bool(_parents(column, entry, tables))


def _parents(column: DerivedEntry, entry: TableEntry, tables: NameMap[TableEntry]) -> list[TableEntry]:
    """The tables on the way to the column; none if there is no such way any more."""
    parents, holder = [], entry
    for key in column.path:
        parent = tables.get(key.table)
        if key not in holder.foreign_keys or parent is None:
            return []
        parents.append(parent)
        holder = parent
    if column.column is None:
        return parents
    return parents if any((own.name, own.type) == (column.column, column.type) for own in holder.columns) else []


def _column(number: int, found: _Found, entry: TableEntry, tables: NameMap[TableEntry]) -> DerivedColumn:
    first = found[0][2]
    path, holder = [], entry
    for key in first.path:
        parent = tables[key.table]
        path.append(Reference(_positions(holder, key.columns), parent.name, _positions(parent, key.parents)))
        holder = parent
    column = ROW_ID if first.column is None else _positions(holder, [first.column])[0]
    plan = Derived(number, first.type, tuple(path), column)
    statistics = reduce(_of_both, (each.statistics for _, _, each in found))
    if found[0][0] != entry.primary.name:
        statistics = replace(statistics, sorted=None)
    return DerivedColumn(plan, first.name, statistics, {layout: place for layout, place, _ in found})


def _positions(entry: TableEntry, columns: Sequence[str]) -> tuple[int, ...]:
    return tuple(column_positions(entry.name, [column.name for column in entry.columns], columns))


def _of_both(left: ColumnStatistics, right: ColumnStatistics) -> ColumnStatistics:
    """What holds for the rows of two layouts, which differ by deleted ones: what is said of the first, or more."""
    minima = [each.minimum for each in (left, right) if each.minimum is not None]
    maxima = [each.maximum for each in (left, right) if each.maximum is not None]
    unbounded = any(each.minimum is not None and each.maximum is None for each in (left, right))
    return replace(
        left,
        minimum=min(minima, default=None),
        maximum=None if unbounded else max(maxima, default=None),
        null_count=max(left.null_count, right.null_count),
        has_nan=left.has_nan or right.has_nan,
        text_bytes=max(left.text_bytes, right.text_bytes),
        longest_text=max(left.longest_text, right.longest_text),
    )
