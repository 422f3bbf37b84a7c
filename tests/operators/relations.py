"""Small relations whose segments hold their columns under chosen encodings, and running plans over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from locality.encodings import EncodedColumn, decode, stored_width, take
from locality.operators.build import Builder
from locality.operators.relations.batch import Batch
from locality.operators.relations.relation import Positions, Relation, ZoneBounds
from locality.optimizer.distinct import split_distinct_aggregates
from locality.plan.intervals import Interval
from locality.plan.nodes import Node, Scan
from locality.runtime.execution import QueryExecution, Workers
from locality.storage.zones import ZONE_ROWS, zones_of
from locality.types import DataType, Domain, from_arrow
from tests.encodings.oracle import columns, unscaled

Row = tuple[Any, ...]
#: Chooses one of a column's encodings, by the segment's number.
Choice = Callable[[int, list[EncodedColumn]], EncodedColumn]


@dataclass(frozen=True, eq=False)
class CodedSegment:
    """A segment with the zones of its columns."""

    columns: tuple[EncodedColumn, ...]
    row_count: int
    zone_rows: int = ZONE_ROWS

    def column(self, index: int) -> EncodedColumn:
        return self.columns[index]

    def take(self, index: int, rows: Positions) -> EncodedColumn:
        return take(self.columns[index], rows)

    def width(self, index: int) -> float:
        return stored_width(self.columns[index])

    def is_ready(self, index: int) -> bool:
        return True

    def origin(self, index: int) -> None:
        return None

    def zones(self, index: int) -> ZoneBounds | None:
        return zones_of(self.columns[index])


def spread(number: int, candidates: list[EncodedColumn]) -> EncodedColumn:
    """Another encoding in each segment; raw text only where there is nothing else."""
    coded = [c for c in candidates if c.encoding != "text"] or candidates
    return coded[number % len(coded)]


def relation(parts: Sequence[pa.Table], choose: Choice = spread) -> Relation:
    """The rows of ``parts``, each of them a segment."""
    types = tuple(from_arrow(arrow) for arrow in parts[0].schema.types)
    segments = []
    for number, part in enumerate(parts):
        arrays = [column.combine_chunks() for column in part.columns]
        coded = tuple(choose(number + i, columns(a, t)) for i, (a, t) in enumerate(zip(arrays, types, strict=True)))
        segments.append(CodedSegment(coded, part.num_rows))
    intervals = tuple(_interval([part.column(i) for part in parts], dtype) for i, dtype in enumerate(types))
    return Relation("t", types, intervals, tuple(segments), 8.0 * len(types))


def _interval(chunks: Sequence[pa.ChunkedArray], dtype: DataType) -> Interval | None:
    if dtype.domain is not Domain.INTEGER:
        return None
    values = [v for chunk in chunks for v in unscaled(chunk.combine_chunks(), dtype) if v is not None]
    return Interval(min(values), max(values)) if values else Interval(0, 0)


@contextmanager
def execution(threads: int = 1, memory: int = 1 << 30) -> Iterator[QueryExecution]:
    """What operators run in."""
    workers = Workers(threads)
    try:
        yield QueryExecution(workers, memory)
    finally:
        workers.close()


def run(node: Node, source: Relation | Mapping[str, Relation], threads: int = 1) -> list[Row]:
    """The rows that a plan gives over one relation, or over several by the names of their tables."""

    def scanned(scan: Scan) -> Relation:
        chosen = source if isinstance(source, Relation) else source[scan.table]
        assert scan.columns == tuple(range(len(chosen.types)))
        return chosen

    operator = Builder(scanned, threads, split_distinct_aggregates).build(node)
    assert operator.types == node.types
    with execution(threads) as running:
        return rows_of(operator.execute(running))


def rows_of(batch: Batch) -> list[Row]:
    """The rows of a batch as Python values."""
    decoded = [decode(batch.column(i)).to_pylist() for i in range(len(batch.columns))]
    assert all(len(column) == batch.row_count for column in decoded)
    return list(zip(*decoded, strict=True))


def scan_of(source: Relation) -> Scan:
    """The scan of all columns."""
    return Scan("t", tuple(range(len(source.types))), source.types)
