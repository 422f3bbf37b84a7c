"""CSV files as a source, read by DuckDB: its sniffing decides on the dialect, the names and the types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from locality.errors import SourceError
from locality.storage.ingest.source import CHUNK_ROWS, Piece, Place, Source, StreamSource


class CsvSource(Source):
    """One or several CSV files (compressed or not) with equal columns."""

    def __init__(self, paths: Sequence[Path], threads: int) -> None:
        """Sniffs the files; raises SourceError, with DuckDB's explanation, where that fails or they differ."""
        for path in paths:
            if path.stat().st_size == 0:
                raise SourceError(f"{path} is empty: a CSV file has at least a line of column names or of values")
        self._paths = paths
        self._connection = duckdb.connect(config={"threads": threads})
        place = Place(", ".join(str(path) for path in paths))
        with place.reading():
            relation = self._connection.sql("from read_csv(?)", params=[[str(path) for path in paths]])
            self.types = {name: str(kind) for name, kind in zip(relation.columns, relation.types, strict=True)}
            reader = relation.to_arrow_reader(CHUNK_ROWS)
        self.bytes = sum(path.stat().st_size for path in paths)
        self._stream = StreamSource(reader, place)
        self.schema = reader.schema

    def pieces(self) -> Iterator[Piece]:
        try:
            yield from self._stream.pieces()
        finally:
            self._connection.close()
