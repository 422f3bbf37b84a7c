"""What tells two states of a DuckDB database file apart: no commit leaves all of it as it was.

A commit appends to the write-ahead log, or checkpoints, which writes a database header with the next number. So within
the life of a file (its inode), log sizes grow until a checkpoint, and headers never come back.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from locality.errors import Unsupported

#: Two headers, written in turn: https://duckdb.org/docs/stable/internals/storage
_HEADERS = (4096, 8192)
_HEADER_BYTES = 64
#: The log, and the one that takes commits while a checkpoint reads the other.
_LOGS = (".wal", ".wal.checkpoint")

File = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Stamp:
    """The state of a database file.

    file: its inode, time of change in ns, and bytes. headers: both, in hexadecimal.
    logs: as ``file``; None for one that is not there.
    """

    file: File
    headers: tuple[str, ...]
    logs: tuple[File | None, ...]


def read_stamp(database: Path) -> Stamp:
    """The present state; raises Unsupported if the file can't be read."""
    path = str(database)
    try:
        logs = tuple(_log(path + suffix) for suffix in _LOGS)
        with Path(path).open("rb", buffering=0) as file:
            headers = []
            for offset in _HEADERS:
                file.seek(offset)
                headers.append(file.read(_HEADER_BYTES).hex())
            return Stamp(_file(os.fstat(file.fileno())), tuple(headers), logs)
    except OSError as error:
        raise Unsupported(f"{database} can't be read: {error.strerror}") from None


def from_json(value: dict[str, list[object]]) -> Stamp:
    """The inverse of ``dataclasses.asdict`` and JSON."""
    file, headers, logs = value["file"], value["headers"], value["logs"]
    return Stamp(_three(file), tuple(map(str, headers)), tuple(None if log is None else _three(log) for log in logs))


def _three(value: object) -> File:
    inode, time, size = value if isinstance(value, list) else (0, 0, 0)
    return int(inode), int(time), int(size)


def _log(path: str) -> File | None:
    try:
        return _file(os.stat(path))  # noqa: PTH116 - asked before each query; a Path takes as long again
    except FileNotFoundError:
        return None


def _file(status: os.stat_result) -> File:
    return status.st_ino, status.st_mtime_ns, status.st_size
