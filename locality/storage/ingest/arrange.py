"""Rows placed as each layout of a table has them: all of them when it is built, new ones whenever rows come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pyarrow as pa

from locality import types
from locality.errors import StoreError
from locality.plan.nodes import PRIMARY
from locality.storage.catalog import NameMap, fold
from locality.storage.derived import can_be_built
from locality.storage.entries import LayoutEntry, TableEntry
from locality.storage.ingest.appended import appended, extended, raw_columns
from locality.storage.ingest.passes import Written, write
from locality.storage.ingest.progress import Report
from locality.storage.ingest.schema import Target
from locality.storage.ingest.source import Columns, Source, StoredSource
from locality.storage.layout import ROW_ID
from locality.storage.snapshot import Snapshot, column_info, columns_of, open_table
from locality.storage.store import Store
from locality.storage.table import ColumnInfo, Table
from locality.storage.transaction import Transaction
from locality.storage.zones import ZONE_ROWS
from locality.types import BIGINT

#: New rows of a primary layout up to which they are sorted before they are appended: they are written once more for it.
SORTED_ROWS = 1 << 23

Arrange = Callable[[Snapshot, str, LayoutEntry, int], Source]
"""The rows of a table (by name) from a position in its primary layout on, as a layout has them: its columns, derived
ones, and the row id as the last of a secondary layout, in the layout's order.
"""


def layout_rows(table: Table, layout: LayoutEntry, chunks: Iterator[Columns], rows: int) -> Source:
    """So many rows of a layout, whose columns ``chunks`` give: the table's, derived ones, the row id if it has one."""
    return StoredSource(_layout_schema(table, layout), chunks, rows)


def _layout_schema(table: Table, layout: LayoutEntry) -> pa.Schema:
    """What the rows of a layout are called, and what they are in Arrow."""
    fields = [field for field in table.arrow_schema if layout.columns is None or field.name in layout.columns]
    fields += [pa.field(column.name, types.to_arrow(column.type)) for column in layout.derived]
    if layout.name != PRIMARY:
        fields.append(pa.field(ROW_ID, pa.int64(), nullable=False))
    return pa.schema(fields)


def write_layout(
    transaction: Transaction, entry: TableEntry, layout: LayoutEntry, rows: Source, threads: int, report: Report
) -> tuple[LayoutEntry, Written]:
    """The layout with ``rows`` instead of what it held, and what was written for it."""
    written = write(transaction, rows, _target(entry, layout), threads, report)
    added = written.columns[len(columns_of(entry, layout)) :]
    derived = (
        replace(column, statistics=new.statistics, built=transaction.version)
        for column, new in zip(layout.derived, added, strict=False)  # the row id may follow
    )
    made = replace(
        layout,
        segments=written.segments,
        dictionaries=written.dictionaries,
        written=transaction.version,
        derived=tuple(derived),
    )
    return made, written


def with_what_can_be_built(transaction: Transaction, entry: TableEntry, layout: LayoutEntry) -> LayoutEntry:
    """The layout without the derived columns to which no foreign keys lead any more."""
    kept = (column for column in layout.derived if can_be_built(column, entry, transaction.tables))
    return replace(layout, derived=tuple(kept))


def with_rows(
    store: Store,
    transaction: Transaction,
    before: TableEntry,
    written: Written,
    threads: int,
    arrange: Arrange | None,
) -> TableEntry:
    """The table with new rows, which were written in the order in which they came, in all its layouts.

    Rows of a primary layout with derived columns, and rows of more than a zone of one that has an order (unless they
    are very many), are written once more, as they are to lie; what was written before goes with the transaction.

    arrange: None will do for a table with nothing but a primary layout without derived columns.
    """
    primary = before.primary
    entry = appended(before, written)
    rows = entry.primary.rows - primary.rows
    is_sorted = arrange is not None and bool(primary.placement) and ZONE_ROWS < rows <= SORTED_ROWS
    moved = bool(primary.derived) or is_sorted
    if not rows or not (moved or before.layouts[1:]):
        return entry
    if arrange is None:
        raise StoreError(f"rows of table {before.name!r} have to be placed in its layouts: a connection does that")
    if moved:
        source = arrange(with_table(store, entry), entry.name, primary, primary.rows)
        entry = appended(before, further(transaction, before, primary, source, threads))
    seen = with_table(store, entry)
    others = []
    for layout in before.layouts[1:]:
        source = arrange(seen, entry.name, layout, primary.rows)
        new = further(transaction, before, layout, source, threads)
        others.append(extended(layout, new, len(columns_of(before, layout))))
    return replace(entry, layouts=(entry.primary, *others))


def with_table(store: Store, entry: TableEntry) -> Snapshot:
    """The store with a table that is not committed yet."""
    before = store.snapshot()
    others = [other for other in before.tables.values() if fold(other.name) != fold(entry.name)]
    entries = NameMap([*before.entries.values(), entry])  # the last of a name counts
    return Snapshot(before.version, NameMap([*others, open_table(store.path, entry)]), entries)


def further(transaction: Transaction, entry: TableEntry, layout: LayoutEntry, rows: Source, threads: int) -> Written:
    """Segments, in no layout yet, with ``rows`` as the layout has them."""
    raw = raw_columns(transaction.store, entry, layout)
    return write(transaction, rows, _target(entry, layout), threads, _unseen, raw)


def _target(entry: TableEntry, layout: LayoutEntry) -> Target:
    columns = [column_info(entry.columns[index]) for index in columns_of(entry, layout)]
    columns += [ColumnInfo(column.name, column.type, nullable=True) for column in layout.derived]
    if layout.name != PRIMARY:
        columns.append(ColumnInfo(ROW_ID, BIGINT, nullable=False))
    looked_up = frozenset(i for i, column in enumerate(columns) if column.name in layout.looked_up)
    return Target(tuple(columns), tuple(range(len(columns))), (None,) * len(columns), looked_up)


def _unseen(rows: int) -> None:
    """Progress of writing what was read before is not shown."""
