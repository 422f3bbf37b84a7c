"""The manifest: the one file that says what a store holds, replaced whole by every commit.

It is two lines of JSON. The first names the format, the version (the number of the commit) and the length and checksum
of the second, which describes the tables. A reader that only wants to know whether anything changed reads the first.
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
from locality.storage.entries import TableEntry
from locality.storage.files import FileEntry

NAME = "manifest.json"
FORMAT = 2
_FORMATS = (1, FORMAT)
_MAGIC = "locality store"
_HEADER_BYTES = 4096


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
    body = json.dumps(_body(manifest), separators=(",", ":")).encode()
    header = {
        "magic": _MAGIC,
        "format": FORMAT,
        "version": manifest.version,
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    durable.replace_file(store / NAME, json.dumps(header).encode() + b"\n" + body + b"\n")


def stamp(path: Path) -> tuple[int, int, int]:
    """What tells the manifest file ``path`` from another without reading it: inode, time in ns, size.

    Raises CorruptStoreError if it is not there.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise CorruptStoreError(f"the store's manifest {path} is missing") from None
    return status.st_ino, status.st_mtime_ns, status.st_size


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
        raise CorruptStoreError(
            f"{path} is truncated or has bytes too many: {len(body)} where {header['length']} belong"
        )
    if hashlib.sha256(body).hexdigest() != header["sha256"]:
        raise CorruptStoreError(f"{path} is damaged: its checksum differs from what was written")
    try:
        manifest = _manifest(json.loads(body))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CorruptStoreError(
            f"{path} is damaged: it lacks a part of a manifest, or has a wrong one: {error!r}"
        ) from None
    if manifest.version != header["version"]:
        raise CorruptStoreError(
            f"{path} is damaged: its header names version {header['version']}, its body {manifest.version}"
        )
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
            f"the store {path.parent} has format {header['format']}; this version of Locality reads up to "
            f"format {FORMAT}: upgrade Locality to open it"
        )
    if header.get("format") not in _FORMATS or any(type(header.get(key)) is not kind for key, kind in expected.items()):
        raise CorruptStoreError(f"{path} is damaged: its first line lacks a part")
    return header


def _body(manifest: Manifest) -> dict[str, Any]:
    return {
        "version": manifest.version,
        "tables": [table.to_json() for table in manifest.tables],
        "retired": [dataclasses.asdict(file) for file in manifest.retired],
    }


def _manifest(body: dict[str, Any]) -> Manifest:
    return Manifest(
        version=body["version"],
        tables=tuple(TableEntry.from_json(table) for table in body["tables"]),
        retired=tuple(Retired(**entry) for entry in body["retired"]),
    )
