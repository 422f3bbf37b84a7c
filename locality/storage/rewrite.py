"""A table's rows written again in another order, in one commit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from locality.errors import CatalogError, StoreError
from locality.plan.nodes import PRIMARY
from locality.settings import available_threads
from locality.storage.entries import LayoutEntry, TableEntry
from locality.storage.ingest import progress as progress_bar
from locality.storage.ingest.arrange import Arrange, with_table, with_what_can_be_built, write_layout
from locality.storage.ingest.progress import Report
from locality.storage.store import Store
from locality.storage.table import Table
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
    plan: Callable[[TableEntry], LayoutEntry],
    arrange: Arrange,
    *,
    threads: int | None = None,
    progress: bool | None = None,
) -> RewriteReport:
    """Write a layout of a table, new or in the place of the one of its name, and commit; on any error nothing changes.

    With the primary layout all others are written, since they know rows by their positions in it. Readers go on over
    the old files, which stay until nobody needs them. Keys are kept, and not checked again: the rows are the same.

    Args:
        store: an open store; no other writer may be at work.
        table: the table's name.
        plan: the layout to write, given the table as it is: name, columns, order, curve and derived columns.
        arrange: the rows for a layout.
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
        wanted = with_what_can_be_built(transaction, before, plan(before))
        if wanted.name == PRIMARY:
            wanted = replace(wanted, looked_up=_followed(store.snapshot().tables[before.name], before.primary))
        count = before.rows * (len(before.layouts) if wanted.name == PRIMARY else 1)
        with progress_bar.shown(before.name, count, None, progress) as report:
            entry = _with_layout(store, transaction, before, wanted, arrange, threads, report)
        transaction.put(entry)
        transaction.commit()
    bytes_before, bytes_stored = (sum(file.size for file in found.files) for found in (before, entry))
    seconds = time.perf_counter() - started
    return RewriteReport(entry.name, entry.rows, wanted.placement, bytes_before, bytes_stored, seconds)


def _with_layout(
    store: Store,
    transaction: Transaction,
    before: TableEntry,
    wanted: LayoutEntry,
    arrange: Arrange,
    threads: int,
    report: Report,
) -> TableEntry:
    """The table with one layout made, and with those that depend on it."""
    started = time.perf_counter()
    source = arrange(store.snapshot(), before.name, wanted, 0)
    made, written = write_layout(transaction, before, wanted, source, threads, report)
    made = replace(made, seconds=time.perf_counter() - started)
    if made.rows != before.rows:
        raise StoreError(f"table {before.name!r} has {before.rows:,} rows, but {made.rows:,} were given")
    if made.name != PRIMARY:
        return replace(before, layouts=(*(other for other in before.layouts if other.name != made.name), made))
    columns = written.columns[: len(before.columns)]
    entry = replace(before, columns=columns, layouts=(made,), dropped=0)
    seen = with_table(store, entry)
    for layout in before.layouts[1:]:
        layout = with_what_can_be_built(transaction, before, layout)
        other, _ = write_layout(transaction, entry, layout, arrange(seen, entry.name, layout, 0), threads, report)
        entry = replace(entry, layouts=(*entry.layouts, other))
    return entry


def _followed(table: Table, layout: LayoutEntry) -> tuple[str, ...]:
    """The columns in whose order, about, rows of the primary layout lie now or lay once: lookups by them stay quick."""
    lie = (c.name for i, c in enumerate(table.columns) if any(s.zones(i).blocks is not None for s in table.segments))
    return tuple(dict.fromkeys((*layout.looked_up, *lie)))


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
