"""A table's rows written again in another order, in one commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from locality.errors import CatalogError, StoreError
from locality.plan.nodes import PRIMARY
from locality.settings import available_threads
from locality.storage.catalog import NameMap
from locality.storage.entries import LayoutEntry, TableEntry
from locality.storage.ingest import progress as progress_bar
from locality.storage.ingest.passes import Written, write
from locality.storage.ingest.schema import existing_table
from locality.storage.ingest.source import Source
from locality.storage.secondary import Arrange, build_layout
from locality.storage.snapshot import Snapshot, column_info, open_table
from locality.storage.store import Store
from locality.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class RewriteReport:
    """What a rewrite did: bytes of the table's files before and after it, and the order that the rows now have."""

    table: str
    rows: int
    order: tuple[str, ...]
    bytes_before: int
    bytes_stored: int
    seconds: float


def rewrite(
    store: Store,
    table: str,
    order: Sequence[str],
    curve: Sequence[str],
    rows: Callable[[Snapshot], Source],
    arrange: Arrange,
    *,
    threads: int | None = None,
    progress: bool | None = None,
) -> RewriteReport:
    """Write the table's rows as ``rows`` gives them, noted as in this order, and commit; on any error nothing changes.

    Readers go on over the old files, which stay until nobody needs them. Keys are kept, and not checked again: the rows
    are the same.

    Args:
        store: an open store; no other writer may be at work.
        table: the table's name.
        order: the columns that the manifest says the rows are in the order of.
        curve: those along whose curve it says that rows lie which are equal in ``order``.
        rows: the rows of the table in a snapshot, each once. It is called when no other writer can change them.
        arrange: the rows for a secondary layout; each is written anew, since it knows rows by their positions.
        threads: default all cores.
        progress: show a bar on standard error; default if it is a terminal.

    Raises:
        CatalogError: there is no such table.
        StoreLockedError, StoreFullError, StoreError: the store can't be written to.
    """
    started = time.perf_counter()
    threads = threads or available_threads()
    with store.begin() as transaction:
        before = transaction.tables.table(table)
        source = rows(store.snapshot())
        columns = [column_info(column) for column in before.columns]
        target = existing_table(before.name, columns, source.schema, source.types)
        count = before.rows * len(before.layouts)
        with progress_bar.shown(before.name, count, None, progress) as report:
            written = write(transaction, source, target, threads, report)
            entry = _rewritten(transaction, before, written, order, curve)
            if entry.rows != before.rows:
                raise StoreError(f"table {before.name!r} has {before.rows:,} rows, but {entry.rows:,} were given")
            seen = _with_table(store, entry)
            others = [
                build_layout(transaction, entry, layout, arrange(seen, layout), threads, report)
                for layout in before.layouts[1:]
            ]
        entry = replace(entry, layouts=(entry.primary, *others))
        transaction.put(entry)
        transaction.commit()
    bytes_before, bytes_stored = (sum(file.size for file in found.files) for found in (before, entry))
    seconds = time.perf_counter() - started
    return RewriteReport(entry.name, entry.rows, entry.primary.placement, bytes_before, bytes_stored, seconds)


def build(
    store: Store,
    table: str,
    layout: LayoutEntry,
    arrange: Arrange,
    *,
    threads: int | None = None,
    progress: bool | None = None,
) -> RewriteReport:
    """Write a secondary layout of a table, new or in the place of the one of its name, and commit.

    On any error nothing changes; readers go on. Arguments and errors are those of :func:`rewrite`.
    """
    started = time.perf_counter()
    with store.begin() as transaction:
        before = transaction.tables.table(table)
        source = arrange(store.snapshot(), layout)
        with progress_bar.shown(before.name, before.rows, None, progress) as report:
            made = build_layout(transaction, before, layout, source, threads or available_threads(), report)
        if made.rows != before.rows:
            raise StoreError(f"table {before.name!r} has {before.rows:,} rows, but {made.rows:,} were given")
        others = [other for other in before.layouts if other.name != layout.name]
        entry = replace(before, layouts=(*others, made))
        transaction.put(entry)
        transaction.commit()
    bytes_before, bytes_stored = (sum(file.size for file in found.files) for found in (before, entry))
    seconds = time.perf_counter() - started
    return RewriteReport(entry.name, entry.rows, made.placement, bytes_before, bytes_stored, seconds)


def drop_layout(store: Store, table: str, name: str) -> None:
    """Drop a secondary layout durably; raises CatalogError if it is not there, and for the primary one."""
    with store.begin() as transaction:
        before = transaction.tables.table(table)
        if name == PRIMARY:
            raise CatalogError(f"the primary layout of table {before.name!r} can't be dropped: it has all columns")
        kept = tuple(layout for layout in before.layouts if layout.name != name)
        if len(kept) == len(before.layouts):
            known = ", ".join(layout.name for layout in before.layouts)
            raise CatalogError(f"table {before.name!r} has no layout {name!r}; its layouts: {known}")
        transaction.put(replace(before, layouts=kept))
        transaction.commit()


def _rewritten(
    transaction: Transaction, before: TableEntry, written: Written, order: Sequence[str], curve: Sequence[str]
) -> TableEntry:
    """The table with what was written as its only layout."""
    primary = LayoutEntry(
        segments=written.segments,
        dictionaries=written.dictionaries,
        order=tuple(order),
        curve=tuple(curve),
        written=transaction.version,
    )
    return replace(before, columns=written.columns, layouts=(primary,), dropped=0)


def _with_table(store: Store, entry: TableEntry) -> Snapshot:
    """The store with a table that is not committed yet."""
    before = store.snapshot()
    tables = [open_table(store.path, entry) if t.name == entry.name else t for t in before.tables.values()]
    entries = [entry if other.name == entry.name else other for other in before.entries.values()]
    return Snapshot(before.version, NameMap(tables), NameMap(entries))
