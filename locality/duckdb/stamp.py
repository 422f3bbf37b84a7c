"""What tells two states of a DuckDB database file apart: no commit leaves all of it as it was.

A commit appends to the write-ahead log, or checkpoints, which writes a database header with the next number. So within
the life of a file (its inode), log sizes grow until a checkpoint, and headers never come back.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from locality.errors import Unsupported

#: Two headers, written in turn: https://duckdb.org/docs/stable/internals/storage
_HEADERS = (4096, 8192)
_HEADER_BYTES = 64
#: The log, and the one that takes commits while a checkpoint reads the other.
_LOGS = (".wal", ".wal.checkpoint")
#: Bytes of a log that are searched; DuckDB checkpoints by default after 16 MB.
_MOST_LOG = 1 << 26

#: How an entry of a log begins; the types of those that make and drop views, macros and table macros; and the most
#: bytes that come before the first.
_TYPE, _VIEWS, _LOG_HEADER = b"d\0", frozenset({5, 6, 11, 12, 21, 22}), 256

#: Of those that change rows or sequences: tables that follow, rows, row groups; and of the log's own.
_ROWS = frozenset({10, 25, 26, 27, 28, 29, 98, 100})

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


#: Of a layout that may be anything: no state of a database is this one, nor follows it.
UNKNOWN = Stamp((0, 0, -1), (), (None, None))


@dataclass(frozen=True)
class Print:
    """What tells whether the rows of a table are those that were copied, or these and more.

    sql: the text that creates the table. last: the greatest row id; then the number of rows up to there, and the sum
    and the exclusive or of their hashes.
    """

    sql: str
    last: int
    rows: int
    total: int
    parity: int


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


def is_untouched(database: Path, table: str, since: Stamp, now: Stamp) -> bool:
    """Whether a table has the rows that it had in a former state, as the log shows.

    Without a checkpoint in between, the log has grown by all commits since, each of which names the tables that it
    changes. So a table is untouched if its name, in whatever letter case, is not in the entries that were added, those
    that make or drop views and macros left out.
    """
    if now == since:
        return True
    added = _added(since, now)
    return added is not None and table.lower().encode() not in _read_log(str(database), *added)[0]


def keeps_names(database: Path, since: Stamp, now: Stamp) -> bool:
    """Whether nothing was made, altered or dropped since a former state, as the log shows: rows changed alone."""
    if now == since:
        return True
    added = _added(since, now)
    return added is not None and _read_log(str(database), *added)[1]


def _added(since: Stamp, now: Stamp) -> tuple[int, File] | None:
    """From which byte on a log, of which state, has the commits since a former state; None if it doesn't tell."""
    if not since.logs:
        return None
    (old, *olds), (new, *news) = since.logs, now.logs
    is_same = (now.headers, now.file[0], news) == (since.headers, since.file[0], olds) and not any(news)
    if not is_same or new is None or (old is not None and (old[0] != new[0] or old[2] > new[2])):
        return None
    start = 0 if old is None else old[2]
    return (start, new) if new[2] - start <= _MOST_LOG else None


@lru_cache(maxsize=4)
def _read_log(database: str, start: int, log: File) -> tuple[bytes, bool]:
    """What a log of this state has behind byte ``start`` that may name tables, in lower case; whether it is rows alone.

    Raises OSError if its state is another.
    """
    with Path(database + _LOGS[0]).open("rb", buffering=0) as file:
        file.seek(start)
        added = file.read(log[2] - start)
        if _file(os.fstat(file.fileno())) != log or len(added) < log[2] - start:
            raise OSError("the log was written to, or a checkpoint took it")
    entries = _all_entries(added)
    if entries is None:
        return added.lower(), False
    naming = b"".join(entry for entry in entries if entry[2] not in _VIEWS)
    return naming.lower(), all(entry[2] in _ROWS for entry in entries)


def _all_entries(log: bytes) -> list[bytes] | None:
    """The entries of a log, or of its end, if they can be told apart."""
    found = (_entries(log, start) for start in range(min(_LOG_HEADER, len(log))))
    return next((entries for entries in found if entries is not None), None)


def _entries(log: bytes, start: int) -> list[bytes] | None:
    """The entries from a byte on to the end; None if none begins there.

    Each has its size, a checksum, and fields, of which the first is its type:
    https://github.com/duckdb/duckdb/blob/main/src/storage/wal_replay.cpp
    """
    found = []
    while start < len(log):
        first = start + 16
        stop = first + int.from_bytes(log[start : start + 8], "little")
        if stop < first + 3 or stop > len(log) or log[first : first + 2] != _TYPE:
            return None
        found.append(log[first:stop])
        start = stop
    return found


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
