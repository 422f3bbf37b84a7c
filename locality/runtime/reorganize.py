"""Layouts made and remade: the primary one in another order, and secondary ones beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from locality.errors import SchemaError
from locality.operators.physical import Execution
from locality.plan.nodes import PRIMARY
from locality.runtime.paths import derived_entry
from locality.runtime.reorder import layout_source, resolve_order
from locality.settings import Settings
from locality.storage.catalog import check_name, column_positions
from locality.storage.entries import DerivedEntry, LayoutEntry, TableEntry
from locality.storage.ingest.arrange import Arrange
from locality.storage.ingest.source import Source
from locality.storage.rewrite import RewriteReport, rewrite
from locality.storage.snapshot import Snapshot
from locality.storage.store import Store


def place_rows(
    store: Store,
    execution: Execution,
    settings: Settings,
    table: str,
    order: Sequence[str],
    curve: Sequence[str],
    layout: str = PRIMARY,
    columns: Sequence[str] | None = None,
    carry: Sequence[str] | None = None,
) -> RewriteReport:
    """See :meth:`locality.connection.Connection.optimize`."""
    check_name("layout", layout)
    snapshot = store.snapshot()
    if columns is not None and layout == PRIMARY:
        raise SchemaError(f"the primary layout of table {table!r} has all columns: name another layout to choose some")
    names = None if layout == PRIMARY else _names(snapshot, table, columns)
    derived = None if carry is None else _derived(snapshot, table, carry)
    if order or curve or not derived:
        wanted = LayoutEntry(layout, names, (), (), *resolve_order(snapshot, table, order, curve).names)
    else:
        wanted = _like_before(snapshot, table, layout, names)

    def plan(entry: TableEntry) -> LayoutEntry:
        if derived is not None:
            return replace(wanted, derived=derived)
        kept = (column for known in entry.layouts if known.name == layout for column in known.derived)
        return replace(wanted, derived=tuple(kept))

    arrange = arranger(execution)
    return rewrite(store, table, plan, arrange, threads=settings.threads, progress=settings.progress)


def compact_rows(store: Store, execution: Execution, settings: Settings, table: str) -> RewriteReport:
    """See :meth:`locality.connection.Connection.compact`."""

    def arrange(snapshot: Snapshot, table: str, layout: LayoutEntry, first: int) -> Source:
        return layout_source(snapshot, table, layout, execution, first, sort=layout.name != PRIMARY)

    return rewrite(
        store, table, lambda entry: entry.primary, arrange, threads=settings.threads, progress=settings.progress
    )


def arranger(execution: Execution) -> Arrange:
    """What places rows in layouts, for writes to a store."""

    def arrange(snapshot: Snapshot, table: str, layout: LayoutEntry, first: int) -> Source:
        return layout_source(snapshot, table, layout, execution, first)

    return arrange


def _like_before(snapshot: Snapshot, table: str, layout: str, names: tuple[str, ...] | None) -> LayoutEntry:
    """The layout in the order that it has, if it is there."""
    for known in snapshot.entries.table(table).layouts:
        if known.name == layout:
            return LayoutEntry(layout, names, order=known.order, curve=known.curve)
    return LayoutEntry(layout, names)


def _derived(snapshot: Snapshot, table: str, names: Sequence[str]) -> tuple[DerivedEntry, ...]:
    """The columns of parents that names mean, each once."""
    stored = snapshot.tables.table(table)
    found = {entry.source: entry for entry in (derived_entry(snapshot, stored, name) for name in names)}
    return tuple(found.values())


def _names(snapshot: Snapshot, table: str, columns: Sequence[str] | None) -> tuple[str, ...]:
    """The columns of a new layout, as the table spells and orders them; default all."""
    stored = snapshot.tables.table(table)
    names = stored.column_names
    if columns is None:
        return tuple(names)
    if not columns:
        raise SchemaError(f"a layout of table {stored.name!r} needs columns")
    return tuple(names[index] for index in sorted(set(column_positions(stored.name, names, columns))))
