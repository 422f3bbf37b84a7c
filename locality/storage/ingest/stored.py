"""The rows of a stored table as a source, to be written again."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from locality.storage.ingest.source import Place, Source, StreamSource, ready
from locality.storage.table import Table


def stored_rows(table: Table, batches: Iterator[pa.RecordBatch] | None = None) -> Source:
    """The table's rows without deleted ones, as ``batches`` of all its columns give them; default in their order."""
    if batches is None:
        batches = table.to_batches(range(len(table.columns)))
    reader = pa.RecordBatchReader.from_batches(table.arrow_schema, batches)
    types = {column.name: column.type for column in table.columns}
    return StreamSource(reader, Place(f"table {table.name!r}"), ready, table.live_count, types)
