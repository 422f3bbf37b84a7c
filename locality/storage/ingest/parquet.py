"""Parquet files as a source: row groups are read side by side, and strings keep the files' dictionaries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from locality.storage.ingest.source import CHUNK_BYTES, CHUNK_ROWS, Piece, Place, Source, gather, ready, same_schema

_GROUP_ROWS = 1 << 20
_GROUP_BYTES = 128 << 20
_DICTIONARY_BYTES = 4
"""A string column whose chunks take fewer bytes a value than this is dictionary-encoded, with few distinct values."""


class ParquetSource(Source):
    """One or several Parquet files with equal schemas."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Reads the files' metadata; raises SourceError if one can't be read, or differs from the first."""
        self._footers: dict[Path, pq.FileMetaData] = {}
        for path in paths:
            with Place(str(path)).reading():
                self._footers[path] = pq.read_metadata(path)
        footers = [self._footers[path] for path in paths]
        self._paths = paths
        same_schema(paths, [footer.schema.to_arrow_schema() for footer in footers])
        self._dictionaries = _low_cardinality(footers[0])
        with Place(str(paths[0])).reading(), self._open(paths[0]) as file:
            self.schema = file.schema_arrow
        self.rows = sum(footer.num_rows for footer in footers)
        self.bytes = sum(path.stat().st_size for path in paths)

    def pieces(self) -> Iterator[Piece]:
        for path in self._paths:
            footer = self._footers[path]
            small: list[int] = []
            count = 0
            for group in range(footer.num_row_groups):
                metadata = footer.row_group(group)
                if metadata.num_rows > _GROUP_ROWS or metadata.total_byte_size > _GROUP_BYTES:
                    if small:
                        yield self._groups(path, small)
                        small, count = [], 0
                    yield from self._streamed(path, group)
                    continue
                small.append(group)
                count += metadata.num_rows
                if count >= CHUNK_ROWS // 2:
                    yield self._groups(path, small)
                    small, count = [], 0
            if small:
                yield self._groups(path, small)

    def _groups(self, path: Path, groups: list[int]) -> Piece:
        def read() -> pa.Table:
            with Place(str(path)).reading(), self._open(path) as file:
                return file.read_row_groups(groups, use_threads=False)

        return read

    def _streamed(self, path: Path, group: int) -> Iterator[Piece]:
        """The rows of a large row group, page by page."""
        place = Place(str(path))
        with place.reading(), self._open(path) as file:
            metadata = self._footers[path].row_group(group)
            fitting = CHUNK_BYTES * metadata.num_rows // max(metadata.total_byte_size, 1)
            rows = min(CHUNK_ROWS, max(fitting, 1))
            batches = file.iter_batches(batch_size=rows, row_groups=[group], use_threads=True)
            for part in gather(place, batches):
                table = pa.Table.from_batches(part)
                yield ready(table, place)

    def _open(self, path: Path) -> pq.ParquetFile:
        # Without buffers of its own, a reader loads whole column chunks: too much where row groups are large.
        return pq.ParquetFile(
            path,
            metadata=self._footers[path],
            read_dictionary=self._dictionaries,
            pre_buffer=False,
            buffer_size=1 << 20,
        )


def _low_cardinality(footer: pq.FileMetaData) -> list[str]:
    """The string columns that the first row group shows to have few distinct values."""
    if footer.num_row_groups == 0:
        return []
    group = footer.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    return [
        column.path_in_schema
        for column in columns
        if column.physical_type == "BYTE_ARRAY"
        and column.num_values
        and column.total_uncompressed_size < _DICTIONARY_BYTES * column.num_values
    ]
