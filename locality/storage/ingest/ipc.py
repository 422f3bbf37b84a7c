"""Arrow IPC files (Feather included) and streams as a source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from locality.storage.ingest.source import Piece, Place, Source, gather, same_schema
from locality.storage.ingest.validity import checked

FILE_MAGIC = b"ARROW1"


class IpcSource(Source):
    """One or several Arrow IPC files or streams with equal schemas."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Reads the files' schemas; raises SourceError if one can't be read, or differs from the first."""
        self._paths = paths
        schemas = []
        for path in paths:
            with Place(str(path)).reading(), pa.OSFile(str(path)) as file:
                schemas.append(_open(path, file).schema)
        same_schema(paths, schemas)
        self.schema = schemas[0]
        self.bytes = sum(path.stat().st_size for path in paths)

    def pieces(self) -> Iterator[Piece]:
        for path in self._paths:
            place = Place(str(path))
            with place.reading(), pa.OSFile(str(path)) as file:
                for batches in gather(place, _batches(_open(path, file))):
                    yield checked(pa.Table.from_batches(batches, self.schema), place)


def _open(path: Path, file: pa.NativeFile) -> pa.RecordBatchFileReader | pa.RecordBatchStreamReader:
    with path.open("rb") as start:
        is_file = start.read(len(FILE_MAGIC)) == FILE_MAGIC
    return pa.ipc.open_file(file) if is_file else pa.ipc.open_stream(file)


def _batches(reader: pa.RecordBatchFileReader | pa.RecordBatchStreamReader) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.RecordBatchFileReader):
        return (reader.get_batch(i) for i in range(reader.num_record_batches))
    return iter(reader)
