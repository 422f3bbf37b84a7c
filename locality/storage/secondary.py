"""Secondary layouts: written from the rows of the primary one, and with it whenever rows come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from locality.plan import virtual
from locality.storage.entries import LayoutEntry, TableEntry
from locality.storage.ingest.passes import write
from locality.storage.ingest.progress import Report
from locality.storage.ingest.schema import Target
from locality.storage.ingest.source import Place, Source, StreamSource, ready
from locality.storage.layout import ROW_ID
from locality.storage.snapshot import Snapshot, columns_of, open_table
from locality.storage.table import ColumnInfo, Table
from locality.storage.transaction import Transaction
from locality.types import BIGINT

#: Bytes of new rows up to which they are put in a layout's order before they are appended to it.
SORTED_BYTES = 256 << 20

Arrange = Callable[[Snapshot, LayoutEntry], Source]
"""All rows of the table of a layout in the layout's order: its columns, and the row id as the last."""


def layout_rows(table: Table, columns: Sequence[int], batches: Iterator[pa.RecordBatch]) -> Source:
    """Rows for a layout with ``columns`` of a table, as ``batches`` of these and the row id give them."""
    reader = pa.RecordBatchReader.from_batches(layout_schema(table, columns), batches)
    types = {table.columns[index].name: table.columns[index].type for index in columns}
    return StreamSource(reader, Place(f"table {table.name!r}"), ready, None, types)


def layout_schema(table: Table, columns: Sequence[int]) -> pa.Schema:
    """The schema of a secondary layout's rows."""
    fields = [table.arrow_schema.field(index) for index in columns]
    return pa.schema([*fields, pa.field(ROW_ID, pa.int64(), nullable=False)])


def build_layout(
    transaction: Transaction, entry: TableEntry, layout: LayoutEntry, rows: Source, threads: int, report: Report
) -> LayoutEntry:
    """The layout with ``rows`` instead of what it held."""
    written = write(transaction, rows, _target(transaction, entry, layout), threads, report)
    return replace(layout, segments=written.segments, dictionaries=written.dictionaries, written=transaction.version)


def extend_layouts(transaction: Transaction, entry: TableEntry, added: int, threads: int) -> TableEntry:
    """The table whose secondary layouts have the rows of the primary one's last ``added`` segments, too."""
    if len(entry.layouts) == 1 or not added:
        return entry
    table = open_table(transaction.store, entry)
    first = len(entry.primary.segments) - added
    size = sum(file.size for files in entry.primary.segments[first:] for file in files.files)
    others = []
    for layout in entry.layouts[1:]:
        columns = columns_of(entry, layout)
        batches = _row_batches(table, columns, first)
        if size <= SORTED_BYTES:
            batches = _sorted(batches, layout_schema(table, columns), layout.order)
        held = table.layout(layout.name)
        raw = frozenset(i for i in range(len(columns)) if held.segments and held.segments[0].encoding(i) == "text")
        target = _target(transaction, entry, layout)
        written = write(transaction, layout_rows(table, columns, batches), target, threads, _unseen, raw)
        dictionaries = {file.path: file for file in (*layout.dictionaries, *written.dictionaries)}
        segments = layout.segments + written.segments
        others.append(replace(layout, segments=segments, dictionaries=tuple(dictionaries.values())))
    return replace(entry, layouts=(entry.primary, *others))


def _row_batches(table: Table, columns: Sequence[int], first: int) -> Iterator[pa.RecordBatch]:
    schema = layout_schema(table, columns)
    for batch in table.to_batches([*columns, virtual.ROW_ID], first):
        yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)


def _sorted(batches: Iterator[pa.RecordBatch], schema: pa.Schema, order: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows by those columns of the order that are their own, so that the new zones are narrow, too."""
    rows = pa.Table.from_batches(batches, schema)
    keys = [name for name in order if name in schema.names and not pa.types.is_interval(schema.field(name).type)]
    yield from (rows.sort_by([(name, "ascending") for name in keys]) if keys else rows).to_batches()


def _target(transaction: Transaction, entry: TableEntry, layout: LayoutEntry) -> Target:
    known = open_table(transaction.store, entry).columns
    columns = [known[index] for index in columns_of(entry, layout)]
    columns.append(ColumnInfo(ROW_ID, BIGINT, nullable=False))
    return Target(tuple(columns), tuple(range(len(columns))), (None,) * len(columns))


def _unseen(rows: int) -> None:
    """Progress of writing what was read before is not shown."""
