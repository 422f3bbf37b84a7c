"""Layouts made and remade: the primary one in another order, and secondary ones beside it."""

from __future__ import annotations

from collections.abc import Sequence

from locality.errors import SchemaError
from locality.operators.physical import Execution
from locality.plan.nodes import PRIMARY
from locality.runtime.reorder import layout_source, ordered_source, resolve_order
from locality.settings import Settings
from locality.storage.catalog import check_name, column_positions
from locality.storage.compact import compact
from locality.storage.entries import LayoutEntry
from locality.storage.ingest.source import Source
from locality.storage.rewrite import RewriteReport, build, rewrite
from locality.storage.secondary import Arrange
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
) -> RewriteReport:
    """See :meth:`locality.connection.Connection.optimize`."""
    check_name("layout", layout)
    snapshot = store.snapshot()
    wanted = resolve_order(snapshot, table, order, curve)
    threads, progress = settings.threads, settings.progress
    arrange = _arranger(table, execution)
    if layout != PRIMARY:
        entry = LayoutEntry(layout, _names(snapshot, table, columns), (), (), *wanted.names)
        return build(store, table, entry, arrange, threads=threads, progress=progress)
    if columns is not None:
        raise SchemaError(f"the primary layout of table {table!r} has all columns: name another layout to choose some")

    return rewrite(
        store,
        table,
        *wanted.names,
        lambda snapshot: ordered_source(snapshot, table, wanted, execution),
        arrange,
        threads=threads,
        progress=progress,
    )


def compact_rows(store: Store, execution: Execution, settings: Settings, table: str) -> RewriteReport:
    """See :meth:`locality.connection.Connection.compact`."""
    arrange = _arranger(table, execution)
    return compact(store, table, arrange, threads=settings.threads, progress=settings.progress)


def _arranger(table: str, execution: Execution) -> Arrange:
    def arrange(snapshot: Snapshot, layout: LayoutEntry) -> Source:
        return layout_source(snapshot, table, layout, execution)

    return arrange


def _names(snapshot: Snapshot, table: str, columns: Sequence[str] | None) -> tuple[str, ...]:
    """The columns of a new layout, as the table spells and orders them; default all."""
    stored = snapshot.tables.table(table)
    names = stored.column_names
    if columns is None:
        return tuple(names)
    if not columns:
        raise SchemaError(f"a layout of table {stored.name!r} needs columns")
    return tuple(names[index] for index in sorted(set(column_positions(stored.name, names, columns))))
