"""Deletions: which rows of an immutable segment are no longer there, as a bitmap in a file of its own beside it.

The file is an Arrow IPC file of one Boolean column ``live``, a row each, FALSE where the row was deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality.encodings import bitmaps
from locality.errors import CorruptStoreError
from locality.storage.files import FileEntry, only_batch, write_batch

Mask = npt.NDArray[np.bool_]
RowIds = npt.NDArray[np.int64]

_COLUMN = "live"


class Deletions:
    """The deleted rows of one segment; ``count`` of its ``rows``. Opening touches no file."""

    def __init__(self, directory: Path, file: FileEntry, rows: int, count: int) -> None:
        self.rows = rows
        self.count = count
        self._directory = directory
        self._file = file

    @cached_property
    def live(self) -> bitmaps.Bitmap:
        """Bit 1 for each row that is there; raises CorruptStoreError where the file is not what the manifest says."""
        path = self._directory / self._file.path
        batch = only_batch(path, self._file)
        if batch.schema.names != [_COLUMN] or batch.schema.field(0).type != pa.bool_() or batch.num_rows != self.rows:
            raise CorruptStoreError(f"{path} is not a bitmap of the {self.rows} rows that the manifest names")
        bitmap = np.frombuffer(batch.column(0).buffers()[1], dtype=np.uint8, count=(self.rows + 7) // 8)
        if bitmaps.null_count(bitmap, self.rows) != self.count:
            raise CorruptStoreError(f"{path} does not mark the {self.count} rows that the manifest says were deleted")
        return bitmap

    def mask(self) -> Mask:
        """One Boolean a row, true where it is there."""
        return bitmaps.to_mask(self.live, self.rows)


@dataclass(frozen=True, eq=False)
class Gathered:
    """The deleted rows of a segment of a secondary layout, gathered from those of the primary one by row id."""

    live: bitmaps.Bitmap
    count: int


def write_deletions(directory: Path, name: str, live: Mask) -> FileEntry:
    """Writes ``name.deleted.arrow`` and syncs it; raises as :func:`locality.storage.segment.write_segment`."""
    return write_batch(directory, f"{name}.deleted.arrow", pa.record_batch({_COLUMN: pa.array(live, pa.bool_())}))
