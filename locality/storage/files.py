"""Immutable files of a store: written once, with a checksum of the bytes that pass, and checked before reading."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pyarrow as pa

from locality.errors import CorruptStoreError
from locality.storage import durable

_ARROW = b"ARROW1\0\0"
_PATH = re.compile(r"(?:[\w-][\w.-]*/)*[\w-][\w.-]*")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file: its path relative to a directory of the caller's, its size in bytes, and the CRC-32 of its bytes."""

    path: str
    size: int
    crc32: int

    @staticmethod
    def from_json(entry: Mapping[str, Any]) -> FileEntry:
        """Raises ValueError for a path that leads out of the directory: a store may come from anybody."""
        file = FileEntry(**entry)
        if not _PATH.fullmatch(file.path):
            raise ValueError(f"{file.path!r} is not the path of a file below the store")
        return file


class ChecksumFile:
    """A binary file that is being written, for pyarrow: it counts and checksums what passes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0
        self.crc32 = 0
        self.closed = False

    def write(self, data: pa.Buffer | bytes) -> int:
        """Appends ``data``, and returns its length in bytes."""
        view = memoryview(data).cast("B")
        self._file.write(view)
        self.crc32 = zlib.crc32(view, self.crc32)
        self.size += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        """Bytes written so far."""
        return self.size

    def close(self) -> None:
        """Nothing: the owner closes the file, after syncing it."""


@contextmanager
def create(path: Path) -> Iterator[ChecksumFile]:
    """A new file that is synced to the disk when the block ends, and removed if the block raises.

    Raises StoreFullError or StoreError where the operating system refuses, FileExistsError if the file is there.
    """
    with durable.store_errors(path.parent):
        try:
            with path.open("xb") as file:
                yield ChecksumFile(file)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            durable.remove_quietly(path)
            raise


def check_size(path: Path, entry: FileEntry) -> None:
    """Raises CorruptStoreError unless the file is there and has its size."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise CorruptStoreError(f"{path} is missing or unreadable: {error.strerror}") from error
    if size != entry.size:
        raise CorruptStoreError(f"{path} has {size} bytes instead of {entry.size}; restore the store from a copy")


def check_arrow(path: Path, entry: FileEntry) -> None:
    """Raises CorruptStoreError unless the file is there, has its size, and starts as Arrow IPC files do."""
    check_size(path, entry)
    with path.open("rb") as file:
        if file.read(len(_ARROW)) != _ARROW:
            raise CorruptStoreError(f"{path} is not an Arrow IPC file; restore the store from a copy")


def check_content(path: Path, entry: FileEntry) -> None:
    """Raises CorruptStoreError unless the file is there with its size and checksum; reads all of it."""
    check_size(path, entry)
    if (found := durable.checksum(path)) != entry.crc32:
        raise CorruptStoreError(f"{path} is damaged: its checksum is {found:08x} instead of {entry.crc32:08x}")


def first_problem(
    directory: Path, entries: Iterable[FileEntry], check: Callable[[Path, FileEntry], None] = check_content
) -> str | None:
    """What ``check`` says of the first file that is not as it was written; None if all are."""
    for entry in entries:
        try:
            check(directory / entry.path, entry)
        except CorruptStoreError as error:
            return str(error)
    return None


def write_batch(directory: Path, name: str, batch: pa.RecordBatch) -> FileEntry:
    """Writes an Arrow IPC file of one batch; raises as :func:`create`."""
    with create(directory / name) as file, pa.ipc.new_file(pa.PythonFile(file, mode="w"), batch.schema) as writer:
        writer.write_batch(batch)
    return FileEntry(name, file.size, file.crc32)


def only_batch(path: Path, entry: FileEntry) -> pa.RecordBatch:
    """The one batch of an Arrow IPC file, as views of its memory map; raises CorruptStoreError."""
    check_arrow(path, entry)

    def read() -> pa.RecordBatch:
        with pa.memory_map(str(path)) as source:
            reader = pa.ipc.open_file(source)
            if reader.num_record_batches != 1:
                raise ValueError(f"it has {reader.num_record_batches} record batches instead of one")
            return reader.get_batch(0)

    return checked(path, "", read)


def checked(path: Path, column: str, read: Callable[[], _T]) -> _T:
    """What ``read`` returns; its errors become CorruptStoreErrors that name the file and column."""
    try:
        return read()
    except (pa.ArrowException, OSError, ValueError, KeyError, IndexError, TypeError) as error:
        place = f"{path}, column {column}," if column else str(path)
        raise CorruptStoreError(f"{place} is damaged: {error}") from error
