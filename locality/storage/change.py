"""Changes of a table's rows in one commit: some are marked as deleted, others are appended.

What an update replaces lies where it lay, marked as deleted, and the new rows come after all others: what is written
is a bitmap for each segment that loses rows, and the new rows. A rewrite leaves out what is marked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from locality.settings import available_threads
from locality.storage.deletions import RowIds
from locality.storage.entries import TableEntry
from locality.storage.ingest import progress as progress_bar
from locality.storage.ingest.appended import raw_columns
from locality.storage.ingest.arrange import Arrange, with_rows
from locality.storage.ingest.keys import check_change
from locality.storage.ingest.passes import Written, write
from locality.storage.ingest.schema import existing_table
from locality.storage.ingest.source import Source
from locality.storage.ingest.tail import merge_tail
from locality.storage.segment import SegmentFiles
from locality.storage.snapshot import Snapshot, column_info, open_table
from locality.storage.statistics import ColumnStatistics
from locality.storage.store import Store
from locality.storage.transaction import Transaction

#: Seconds that a change waits for another writer to end.
PATIENCE = 5.0


def _none() -> RowIds:
    return np.empty(0, np.int64)


@dataclass(frozen=True)
class Change:
    """What becomes of a table: the row ids of those that go, in any order, and the rows that come.

    updated: how many of those that come are others that go, with new values.
    """

    table: str
    deleted: RowIds = field(default_factory=_none)
    added: Source | None = None
    updated: int = 0


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """What a change did to a table: rows that were deleted, inserted and updated, and bytes of the files written."""

    table: str
    deleted: int
    inserted: int
    updated: int
    bytes_written: int
    seconds: float

    @property
    def rows(self) -> int:
        """All rows that were changed."""
        return self.deleted + self.inserted + self.updated


def change_rows(
    store: Store,
    find: Callable[[Snapshot], Change],
    *,
    threads: int | None = None,
    progress: bool | None = False,
    arrange: Arrange | None = None,
) -> ChangeReport:
    """Delete rows of a table and append others, as ``find`` says, and commit; on any error nothing changes.

    Args:
        store: an open store.
        find: says for a snapshot what changes. It is called when no other writer can change the rows.
        threads: default all cores.
        progress: show a bar on standard error while rows are appended.
        arrange: places new rows in the table's layouts, as :func:`locality.storage.ingest.ingest` takes it.

    Raises:
        CatalogError: there is no such table. SchemaError: a new value does not fit its column.
        KeyViolation: a primary or foreign key would not hold.
        StoreLockedError: another writer was still at work after PATIENCE seconds.
        StoreFullError, StoreError: the store can't be written to.
    """
    started = time.perf_counter()
    threads = threads or available_threads()
    with store.begin(PATIENCE) as transaction:
        change = find(store.snapshot())
        before = transaction.tables.table(change.table)
        gone = np.unique(change.deleted)
        entry, written, added = before, Written((), (), ()), 0
        if len(gone) and len(gone) == before.rows:
            entry = _emptied(before, transaction.version)
        elif len(gone):
            entry = without_rows(transaction, entry, gone)
        if change.added is not None:
            written = _written(transaction, entry, change.added, threads, progress)
            kept = len(entry.primary.segments)
            entry = with_rows(store, transaction, entry, written, threads, arrange)
            added = len(entry.primary.segments) - kept
        inserted = sum(segment.rows for segment in written.segments)
        if len(gone) or inserted:
            if len(gone) and inserted:  # rows that come may have the keys of those that go, whatever they are called
                entry = replace(entry, changed=transaction.version)
            entry = check_change(transaction, entry, added, gone)
            transaction.put(entry)
            transaction.commit()
    known = {file.path for file in before.files}
    bytes_written = sum(file.size for file in entry.files if file.path not in known)
    bytes_written += merge_tail(store, entry.name, threads)
    updated, seconds = change.updated, time.perf_counter() - started
    return ChangeReport(entry.name, len(gone) - updated, inserted - updated, updated, bytes_written, seconds)


def _written(transaction: Transaction, entry: TableEntry, rows: Source, threads: int, progress: bool | None) -> Written:
    """New rows of a table, not yet part of it."""
    columns = [column_info(column) for column in entry.columns]
    target = existing_table(entry.name, columns, rows.schema, rows.types)
    with progress_bar.shown(entry.name, rows.rows, rows.bytes, progress) as report:
        raw = raw_columns(transaction.store, entry, entry.primary)
        return write(transaction, rows, target, threads, report, raw)


def without_rows(transaction: Transaction, entry: TableEntry, rows: RowIds) -> TableEntry:
    """The table with ``rows`` (ascending) marked as deleted.

    Segments of nothing but deleted rows are dropped, unless other layouts know rows by their positions in the primary.
    """
    table = open_table(transaction.store, entry)
    primary, *others = entry.layouts
    kept: list[SegmentFiles] = []
    first = 0
    for files, deletions in zip(primary.segments, table.deletions, strict=True):
        start, stop = np.searchsorted(rows, (first, first + files.rows))
        local = rows[start:stop] - first
        first += files.rows
        if not len(local):
            kept.append(files)
            continue
        live = np.ones(files.rows, np.bool_) if deletions is None else deletions.mask().copy()
        live[local] = False
        dead = files.rows - int(np.count_nonzero(live))
        if others or dead < files.rows:
            kept.append(replace(files, deleted=transaction.add_deletions(live), dead=dead))
    dropped = primary.rows - sum(files.rows for files in kept)
    if dropped:  # rows behind them have other numbers now
        primary = replace(primary, written=transaction.version)
    layouts = (replace(primary, segments=tuple(kept)), *others)
    return replace(entry, layouts=layouts, dropped=entry.dropped + dropped)


def _emptied(entry: TableEntry, version: int) -> TableEntry:
    """The table without any row."""
    columns = (replace(column, statistics=ColumnStatistics(0)) for column in entry.columns)
    layouts = []
    for layout in entry.layouts:
        derived = tuple(replace(column, statistics=ColumnStatistics(0)) for column in layout.derived)
        layouts.append(replace(layout, segments=(), dictionaries=(), derived=derived, written=version))
    return replace(entry, layouts=tuple(layouts), columns=tuple(columns), dropped=0)
