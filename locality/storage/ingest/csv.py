"""CSV files as a source, read by DuckDB: its sniffing decides on the dialect, the names and the types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from locality.errors import SourceError
from locality.storage.ingest.source import CHUNK_ROWS, Piece, Place, Source, StreamSource, ready


class CsvSource(Source):
    """One or several CSV files (compressed or not) with equal columns."""

    def __init__(self, paths: Sequence[Path], threads: int, options: Mapping[str, Any]) -> None:
        """Sniffs the files, as far as ``options`` (those of DuckDB's ``read_csv``) leave it open.

        Raises SourceError, with DuckDB's explanation, where that fails, the files differ, or an option is unknown.
        """
        if unknown := [name for name in options if not name.isidentifier()]:
            raise SourceError(f"{unknown[0]!r} is not an option for CSV files")
        for path in paths:
            if path.stat().st_size == 0:
                raise SourceError(f"{path} is empty: a CSV file has at least a line of column names or of values")
        self._connection = duckdb.connect(config={"threads": threads})
        place = Place(", ".join(str(path) for path in paths))
        with place.reading():
            # Option names are identifiers, checked above; values are parameters.
            names = "".join(f", {name} = ?" for name in options)
            parameters = [[str(path) for path in paths], *options.values()]
            relation = self._connection.sql(f"from read_csv(?{names})", params=parameters)
            reader = relation.to_arrow_reader(CHUNK_ROWS)
        self.bytes = sum(path.stat().st_size for path in paths)
        self._stream = StreamSource(reader, place, ready)
        self.schema = reader.schema

    def pieces(self) -> Iterator[Piece]:
        try:
            yield from self._stream.pieces()
        finally:
            self._connection.close()
