"""Where chunks of columns wait until encodings are chosen: in memory while they are few, then in a temporary file."""

from __future__ import annotations

import bisect
import pickle
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

import pyarrow as pa

from locality.encodings import EncodedColumn, slice_column, stored_bytes


class _Spilled(NamedTuple):
    """Where a chunk lies in the file."""

    offset: int
    size: int


class Staging:
    """Chunks of all columns, in row order, as a context manager. One thread adds; then any number of threads read."""

    def __init__(self, columns: int, directory: Path, budget: int) -> None:
        """Bytes that were added are counted in ``bytes``.

        budget: bytes that chunks may take in memory before further ones go to a file in ``directory``.
        """
        self._chunks: list[list[EncodedColumn | _Spilled | None]] = [[] for _ in range(columns)]
        self._starts = [0]
        self.bytes = 0
        self._directory = directory
        self._budget = budget
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Staging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def rows(self) -> int:
        """Rows added so far."""
        return self._starts[-1]

    def add(self, chunk: Sequence[EncodedColumn]) -> None:
        """Append rows: one column each, all of one length."""
        self._starts.append(self._starts[-1] + chunk[0].length)
        for waiting, column in zip(self._chunks, chunk, strict=True):
            size = stored_bytes(column)
            waiting.append(column if size <= self._budget else self._spill(column))
            self._budget -= size
            self.bytes += size

    def parts(self, column: int, start: int, stop: int) -> Iterator[EncodedColumn]:
        """What makes up rows ``start`` to ``stop`` of a column, chunk by chunk."""
        index = bisect.bisect_right(self._starts, start) - 1
        while index < len(self._starts) - 1 and self._starts[index] < stop:
            first, last = self._starts[index], self._starts[index + 1]
            yield slice_column(self._chunk(column, index), max(start - first, 0), min(stop, last) - first)
            index += 1

    def release(self, start: int, stop: int) -> None:
        """Free the chunks that lie wholly between rows ``start`` and ``stop``; they won't be asked for again."""
        first = bisect.bisect_left(self._starts, start)
        last = bisect.bisect_right(self._starts, stop) - 1
        for waiting in self._chunks:
            waiting[first:last] = [None] * (last - first)

    def _chunk(self, column: int, index: int) -> EncodedColumn:
        waiting = self._chunks[column][index]
        assert waiting is not None, "a chunk is not read again after it was released"
        if isinstance(waiting, EncodedColumn):
            return waiting
        assert self._file is not None
        with self._lock:
            self._file.seek(waiting.offset)
            content = self._file.read(waiting.size)
        loaded: EncodedColumn = pickle.loads(content)
        return loaded

    def _spill(self, column: EncodedColumn) -> _Spilled:
        if self._file is None:
            # Nobody else can open this file (where the platform allows, it has no name), so what is read back is ours.
            self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 - closed by __exit__
        if column.nested is not None:
            # Pickled as it is, a slice would drag along all of the array that it was cut from.
            column = replace(column, nested=pa.concat_arrays([column.nested[:0], column.nested]))
        offset = self._file.seek(0, 2)
        pickle.dump(column, self._file, protocol=5)
        return _Spilled(offset, self._file.tell() - offset)
