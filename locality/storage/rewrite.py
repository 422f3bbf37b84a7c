"""A table's rows written again in another order, in one commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from locality.errors import StoreError
from locality.settings import available_threads
from locality.storage.ingest import progress as progress_bar
from locality.storage.ingest.passes import write
from locality.storage.ingest.schema import existing_table
from locality.storage.ingest.source import Source
from locality.storage.snapshot import Snapshot, column_info
from locality.storage.store import Store


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
        with progress_bar.shown(before.name, before.rows, None, progress) as report:
            written = write(transaction, source, target, threads, report)
        entry = replace(
            before,
            columns=written.columns,
            layouts=(
                replace(
                    before.primary,
                    segments=written.segments,
                    dictionaries=written.dictionaries,
                    order=tuple(order),
                    curve=tuple(curve),
                    written=transaction.version,
                ),
            ),
            dropped=0,
        )
        if entry.rows != before.rows:
            raise StoreError(f"table {before.name!r} has {before.rows:,} rows, but {entry.rows:,} were given")
        transaction.put(entry)
        transaction.commit()
    bytes_before, bytes_stored = (sum(file.size for file in found.files) for found in (before, entry))
    seconds = time.perf_counter() - started
    return RewriteReport(entry.name, entry.rows, entry.primary.placement, bytes_before, bytes_stored, seconds)
