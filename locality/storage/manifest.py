"""The manifest: the one file that says what a store holds, replaced whole by every commit.

It is two lines of JSON. The first names the format, the version (the number of the commit) and the length and checksum of
the second; the second describes the tables. A reader that only wants to know whether anything changed reads the first.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from locality.errors import CorruptStoreError, StoreVersionError
from locality.storage import durable

NAME = "manifest.json"
FORMAT = 1
_MAGIC = "locality store"
_HEADER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the store: its path relative to the store (with forward slashes), size in bytes and CRC-32."""

    path: str
    size: int
    crc32: int


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One segment: its rows and its files in the order of their roles (codes, zone statistics, text if any)."""

    rows: int
    files: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """``columns`` of a table name a row of ``table`` by its unique ``parents``."""

    columns: tuple[str, ...]
    table: str
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ColumnEntry:
    """A column: its name, its SQL type as text, whether NULLs occur, and its statistics over the table as JSON."""

    name: str
    type: str
    nullable: bool
    statistics: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TableEntry:
    """A table. ``primary_key`` and ``foreign_keys`` were declared and checked; ``unique`` keys were found by looking."""

    name: str
    columns: tuple[ColumnEntry, ...]
    segments: tuple[SegmentEntry, ...] = ()
    dictionaries: tuple[FileEntry, ...] = ()
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()

    @property
    def rows(self) -> int:
        return sum(segment.rows for segment in self.segments)

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """Every file that the table needs."""
        return (*self.dictionaries, *(file for segment in self.segments for file in segment.files))


@dataclass(frozen=True, slots=True)
class Retired:
    """A file that version ``since`` no longer needs; it goes once nobody reads an older version."""

    path: str
    since: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a store holds at one version. ``tables`` is ordered by creation."""

    version: int = 0
    tables: tuple[TableEntry, ...] = ()
    retired: tuple[Retired, ...] = field(default=())

    @property
    def files(self) -> dict[str, FileEntry]:
        """Every file that the tables need, by path."""
        return {file.path: file for table in self.tables for file in table.files}


def write(store: Path, manifest: Manifest) -> None:
    """Commit ``manifest``: durably and atomically replace the one before it."""
    body = json.dumps(dataclasses.asdict(manifest), separators=(",", ":")).encode()
    header = {
        "magic": _MAGIC,
        "format": FORMAT,
        "version": manifest.version,
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    durable.replace_file(store / NAME, json.dumps(header).encode() + b"\n" + body + b"\n")


def read_version(store: Path) -> int:
    """The version that the store is at, by the first line alone; raises as :func:`read` does."""
    path = store / NAME
    try:
        with path.open("rb") as file:
            line = file.readline(_HEADER_BYTES)
    except FileNotFoundError:
        raise CorruptStoreError(f"the store's manifest {path} is missing") from None
    return int(_header(path, line)["version"])


def read(store: Path) -> Manifest:
    """The current manifest.

    Raises:
        CorruptStoreError: it is missing, truncated or damaged.
        StoreVersionError: a later version of Locality wrote it.
    """
    path = store / NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CorruptStoreError(f"the store's manifest {path} is missing") from None
    line, _, rest = content.partition(b"\n")
    header = _header(path, line)
    body = rest.removesuffix(b"\n")
    if len(body) != header["length"] or len(rest) != len(body) + 1:
        raise CorruptStoreError(f"{path} is truncated or has bytes too many: {len(body)} where {header['length']} belong")
    if hashlib.sha256(body).hexdigest() != header["sha256"]:
        raise CorruptStoreError(f"{path} is damaged: its checksum differs from what was written")
    manifest = _manifest(json.loads(body))
    if manifest.version != header["version"]:
        raise CorruptStoreError(f"{path} is damaged: its header names version {header['version']}, its body {manifest.version}")
    return manifest


def _header(path: Path, line: bytes) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except ValueError:
        raise CorruptStoreError(f"{path} is damaged: its first line is not JSON") from None
    expected = {"magic": str, "format": int, "version": int, "length": int, "sha256": str}
    if not isinstance(header, dict) or header.get("magic") != _MAGIC:
        raise CorruptStoreError(f"{path} is damaged: its first line is not that of a store's manifest")
    if isinstance(header.get("format"), int) and header["format"] > FORMAT:
        raise StoreVersionError(
            f"the store {path.parent} has format {header['format']}; this version of Locality reads up to format {FORMAT}: "
            "upgrade Locality to open it"
        )
    if header.get("format") != FORMAT or any(type(header.get(key)) is not kind for key, kind in expected.items()):
        raise CorruptStoreError(f"{path} is damaged: its first line lacks a part")
    return header


def _manifest(body: dict[str, Any]) -> Manifest:
    return Manifest(
        version=body["version"],
        tables=tuple(_table(table) for table in body["tables"]),
        retired=tuple(Retired(**entry) for entry in body["retired"]),
    )


def _table(entry: dict[str, Any]) -> TableEntry:
    return TableEntry(
        name=entry["name"],
        columns=tuple(ColumnEntry(**column) for column in entry["columns"]),
        segments=tuple(SegmentEntry(segment["rows"], _files(segment["files"])) for segment in entry["segments"]),
        dictionaries=_files(entry["dictionaries"]),
        primary_key=tuple(entry["primary_key"]),
        foreign_keys=tuple(
            ForeignKey(tuple(key["columns"]), key["table"], tuple(key["parents"])) for key in entry["foreign_keys"]
        ),
        unique=tuple(tuple(key) for key in entry["unique"]),
    )


def _files(entries: list[dict[str, Any]]) -> tuple[FileEntry, ...]:
    return tuple(FileEntry(**entry) for entry in entries)
