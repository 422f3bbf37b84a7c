"""The two passes of an ingest: read once, learning about every column; then encode the whole in its final form."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Generator
from dataclasses import dataclass

import pyarrow as pa

from locality.encodings import EncodedColumn, EncodingSpec, assemble, stored_bytes
from locality.storage.entries import ColumnEntry
from locality.storage.files import FileEntry
from locality.storage.ingest.collector import Collector
from locality.storage.ingest.facts import Facts
from locality.storage.ingest.parallel import in_order
from locality.storage.ingest.progress import Report
from locality.storage.ingest.schema import Target
from locality.storage.ingest.source import Piece, Source
from locality.storage.ingest.staging import Staging
from locality.storage.ingest.validity import InvalidValue
from locality.storage.segment import SEGMENT_ROWS, SegmentFiles
from locality.storage.snapshot import arrow_to_text
from locality.storage.transaction import Transaction
from locality.storage.zones import ZONE_ROWS

STAGED_BYTES = 512 << 20
"""Bytes of chunks that wait in memory; more of them wait in a file."""

SEGMENT_BYTES = 512 << 20
"""About how much memory the rows of a segment may take while they are written."""

_Chunk = list[tuple[EncodedColumn, Facts]]


@dataclass(frozen=True)
class Written:
    """What was written for a table: its columns, segments and dictionaries, not yet committed."""

    columns: tuple[ColumnEntry, ...]
    segments: tuple[SegmentFiles, ...]
    dictionaries: tuple[FileEntry, ...]


def write(
    transaction: Transaction,
    source: Source,
    target: Target,
    threads: int,
    report: Report,
    raw: frozenset[int] = frozenset(),
) -> Written:
    """Read ``source`` into new segments of a table with ``target``'s columns.

    raw: columns whose strings are to stay without a dictionary, since those of the table's other segments have none:
        few rows would get one, and scans that meet both forms would run in neither.
    """
    collectors = [Collector(column.name, column.type, source.rows) for column in target.columns]
    with Staging(len(collectors), transaction.staging, STAGED_BYTES) as staging:
        _read(source, target, collectors, staging, threads, report)
        specs = [
            EncodingSpec(collector.type, "text") if index in raw else collector.choose()
            for index, collector in enumerate(collectors)
        ]
        segments, sizes = _encode(transaction, staging, collectors, specs, target.looked_up, threads)
    dictionaries = {}
    for index, spec in enumerate(specs):
        if spec.dictionary is not None and spec.encoding != "constant":
            dictionaries[spec.dictionary.key] = transaction.add_dictionary(spec.dictionary)
            sizes[index] += spec.dictionary.values.nbytes
    columns = [
        ColumnEntry(
            column.name,
            column.type,
            collector.statistics(size),
            None if column.arrow is None else arrow_to_text(column.arrow),
        )
        for column, collector, size in zip(target.columns, collectors, sizes, strict=True)
    ]
    return Written(tuple(columns), segments, tuple(dictionaries.values()))


def _read(
    source: Source, target: Target, collectors: list[Collector], staging: Staging, threads: int, report: Report
) -> None:
    def task(piece: Piece) -> _Chunk:
        rows = piece()
        columns = target.arrays(rows) if isinstance(rows, pa.Table) else rows
        return [collector.prepare(column) for collector, column in zip(collectors, columns, strict=True)]

    tasks = (functools.partial(task, piece) for piece in source.pieces())
    with contextlib.closing(_placed(in_order(tasks, threads), staging)) as chunks:
        for chunk in chunks:
            for collector, (column, facts) in zip(collectors, chunk, strict=True):
                collector.add(column, facts)
            if rows := chunk[0][0].length:
                staging.add([column for column, _ in chunk])
                report(rows)


def _placed(chunks: Generator[_Chunk], staging: Staging) -> Generator[_Chunk]:
    """The chunks; an invalid value is named by its row among all, of which those before its chunk were staged."""
    with contextlib.closing(chunks):
        try:
            yield from chunks
        except InvalidValue as error:
            raise error.at(staging.rows) from None


def _encode(
    transaction: Transaction,
    staging: Staging,
    collectors: list[Collector],
    specs: list[EncodingSpec],
    looked_up: frozenset[int],
    threads: int,
) -> tuple[tuple[SegmentFiles, ...], list[int]]:
    """The segments, and the bytes that each column takes in them."""
    names = [collector.name for collector in collectors]
    rows = _segment_rows(staging.bytes / max(staging.rows, 1))

    def task(name: str, start: int, stop: int) -> tuple[SegmentFiles, list[int]]:
        columns = [assemble(list(staging.parts(index, start, stop)), spec) for index, spec in enumerate(specs)]
        files = transaction.add_segment(name, columns, names, looked_up)
        staging.release(start, stop)
        return files, [stored_bytes(column) for column in columns]

    tasks = (
        functools.partial(task, transaction.new_name(), start, min(start + rows, staging.rows))
        for start in range(0, staging.rows, rows)
    )
    segments, sizes = [], [0] * len(specs)
    with contextlib.closing(in_order(tasks, threads)) as results:
        for files, bytes_of_columns in results:
            segments.append(files)
            sizes = [total + size for total, size in zip(sizes, bytes_of_columns, strict=True)]
    return tuple(segments), sizes


def _segment_rows(row_bytes: float) -> int:
    """Rows of each segment: as many as it may have unless they are very wide, and whole zones if they can be."""
    rows = int(SEGMENT_BYTES / max(row_bytes, 1.0))
    if rows >= SEGMENT_ROWS:
        return SEGMENT_ROWS
    return max(rows // ZONE_ROWS * ZONE_ROWS or rows, 1)
