"""What can be ingested, seen as one thing: a schema, and pieces of rows in order."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import duckdb
import pyarrow as pa

from locality.encodings import EncodedColumn
from locality.errors import SourceError
from locality.types import DataType

CHUNK_ROWS = 2 * 65_536
"""Rows that a piece has at least (but for the last), so that the work per piece outweighs its overhead."""

CHUNK_BYTES = 64 << 20
"""Bytes at which a piece is large enough, whatever its rows."""

Columns = Sequence[EncodedColumn]
"""Rows that need no checks, because a store had them already."""

Piece = Callable[[], pa.Table | Columns]
"""Reads the next rows; called once, on any thread, and maybe while other pieces are read."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows come from, for messages: a file, or the kind of an object."""

    name: str

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Translate what pyarrow and the operating system raise while reading this place to SourceError."""
        try:
            yield
        except FileNotFoundError:
            raise SourceError(f"{self.name} does not exist") from None
        except (OSError, pa.ArrowException, duckdb.Error) as error:
            if "KeyboardInterrupt" in str(error):
                # Arrow wraps what a Python stream raises; an interruption by the user must stay one.
                raise KeyboardInterrupt from error
            raise SourceError(f"{self.name} can't be read: {error}") from error


class Source(ABC):
    """Rows to ingest, read once.

    schema: the Arrow schema of every piece.
    types: the SQL types of columns, by name, where Arrow's do not tell them.
    rows, bytes: how many there are in all, as far as is known beforehand (``bytes``: of the files).
    """

    schema: pa.Schema
    types: Mapping[str, DataType] = MappingProxyType({})
    rows: int | None = None
    bytes: int | None = None

    @abstractmethod
    def pieces(self) -> Iterator[Piece]:
        """The rows in order. Advancing may read, too. Raises SourceError, as calling the pieces does."""


class StreamSource(Source):
    """The rows of an Arrow stream, which only one thread at a time can read."""

    def __init__(
        self,
        reader: pa.RecordBatchReader,
        place: Place,
        piece: Callable[[pa.Table, Place], Piece],
        rows: int | None = None,
        types: Mapping[str, DataType] | None = None,
    ) -> None:
        """``piece`` makes pieces of the rows that were read, as :func:`ready` does."""
        self.schema = reader.schema
        self.rows = rows
        self.types = types or {}
        self._reader = reader
        self._place = place
        self._piece = piece

    def pieces(self) -> Iterator[Piece]:
        for batches in gather(self._place, self._reader):
            yield self._piece(pa.Table.from_batches(batches, self.schema), self._place)


class StoredSource(Source):
    """Rows of a store, as they are to lie; ``chunks`` are gathered one after the other."""

    def __init__(self, schema: pa.Schema, chunks: Iterator[Columns], rows: int) -> None:
        self.schema, self.rows = schema, rows
        self._chunks = chunks

    def pieces(self) -> Iterator[Piece]:
        return (partial(_given, chunk) for chunk in self._chunks)


def _given(chunk: Columns) -> Columns:
    return chunk


def ready(table: pa.Table, _: Place) -> Piece:
    """The piece of rows that were read from a place that can be trusted."""
    return lambda: table


def gather(place: Place, batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Groups of batches with about CHUNK_ROWS rows each, or CHUNK_BYTES bytes; larger batches are cut."""
    group: list[pa.RecordBatch] = []
    count = size = 0
    while True:
        with place.reading():
            batch = next(batches, None)
        if batch is None:
            break
        for start in range(0, batch.num_rows, CHUNK_ROWS):
            part = batch.slice(start, CHUNK_ROWS)
            group.append(part)
            count += part.num_rows
            size += part.nbytes
            if count >= CHUNK_ROWS or size >= CHUNK_BYTES:
                yield group
                group, count, size = [], 0, 0
    if group:
        yield group


def same_schema(paths: Sequence[Path], schemas: Sequence[pa.Schema]) -> None:
    """Raise SourceError unless the files' schemas agree in names and types; names the first that differs and how."""
    first = schemas[0]
    for path, schema in zip(paths[1:], schemas[1:], strict=True):
        if schema.names != first.names:
            raise SourceError(
                f"{path} has the columns {', '.join(schema.names)}, but {paths[0]} has {', '.join(first.names)}: "
                "the files of one ingest must agree"
            )
        for ours, theirs in zip(first, schema, strict=True):
            if not ours.type.equals(theirs.type):
                raise SourceError(
                    f"column {theirs.name!r} has type {theirs.type} in {path}, but {ours.type} in {paths[0]}: "
                    "the files of one ingest must agree"
                )
