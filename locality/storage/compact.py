"""A table written again as it is: without deleted rows, in segments as large as they may be."""

from __future__ import annotations

from locality.storage.ingest.stored import stored_rows
from locality.storage.rewrite import RewriteReport, rewrite
from locality.storage.secondary import Arrange
from locality.storage.store import Store


def compact(
    store: Store, table: str, arrange: Arrange, *, threads: int | None = None, progress: bool | None = None
) -> RewriteReport:
    """Write the rows of a table again in their order; raises as :func:`locality.storage.rewrite.rewrite`."""
    layout = store.snapshot().entries.table(table).primary
    return rewrite(
        store,
        table,
        layout.order,
        layout.curve,
        lambda snapshot: stored_rows(snapshot.tables.table(table)),
        arrange,
        threads=threads,
        progress=progress,
    )
