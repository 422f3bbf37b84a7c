"""A write: new files beside the old ones, then one atomic change of the manifest, or nothing at all."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from locality.encodings import Dictionary, EncodedColumn
from locality.errors import CatalogError
from locality.storage import durable, manifest
from locality.storage.catalog import NameMap, fold
from locality.storage.deletions import Mask, write_deletions
from locality.storage.dictionaries import write_dictionary
from locality.storage.entries import TableEntry
from locality.storage.files import FileEntry
from locality.storage.lock import WriteLock, oldest_pinned
from locality.storage.lookups import Lookup, write_lookups
from locality.storage.manifest import Manifest, Retired
from locality.storage.segment import SegmentFiles, write_segment

SEGMENTS = "segments"
DICTIONARIES = "dictionaries"
STAGING = "staging"

Maintain = Callable[["Transaction", TableEntry, TableEntry], TableEntry]
"""A table with its rollups, by how it was before a write and how it is to be."""


class Transaction:
    """The right to change a store, as a context manager: leaving it without :meth:`commit` undoes everything.

    Entering raises StoreLockedError if another writer is still at work after ``timeout`` seconds.

    staging: a directory for temporary files, removed at the end.
    """

    def __init__(
        self, store: Path, timeout: float, on_commit: Callable[[Manifest], None], maintain: Maintain | None = None
    ) -> None:
        """``maintain``: gives each table that was changed its rollups as they now are."""
        self.store = store
        self.segments = store / SEGMENTS
        self.dictionaries = store / DICTIONARIES
        self.staging = store / STAGING
        self._lock = WriteLock(store, timeout)
        self._on_commit = on_commit
        self._maintain = maintain
        self._before = Manifest()
        self._tables: dict[str, TableEntry] = {}
        self._exit = contextlib.ExitStack()
        self._names = 0

    def __enter__(self) -> Transaction:
        with contextlib.ExitStack() as stack:
            stack.enter_context(durable.store_errors(self.store))
            stack.enter_context(self._lock)
            self._before = manifest.read(self.store)
            self._tables = {fold(table.name): table for table in self._before.tables}
            collect_garbage(self.store, self._before)
            for directory in (self.segments, self.dictionaries, self.staging):
                durable.make_directory(directory)
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What is on the disk decides what stays: a commit that was interrupted may have taken place or not.
        self._exit.callback(lambda: collect_garbage(self.store, manifest.read(self.store)))
        self._exit.__exit__(kind, error, trace)

    @property
    def version(self) -> int:
        """The version of the store that this write would make."""
        return self._before.version + 1

    @property
    def tables(self) -> NameMap[TableEntry]:
        """The tables as this write would leave them."""
        return NameMap(self._tables.values())

    def new_name(self) -> str:
        """A name (without suffix) that no file of the store has had."""
        self._names += 1
        return f"{self.version:06d}-{self._names:05d}"

    def add_segment(
        self, name: str, columns: Sequence[EncodedColumn], names: Sequence[str], looked_up: frozenset[int]
    ) -> SegmentFiles:
        """Write a segment under a :meth:`new_name`; any thread. It goes at the end if no table entry names it."""
        return write_segment(self.store, f"{SEGMENTS}/{name}", columns, names, looked_up)

    def add_dictionary(self, dictionary: Dictionary) -> FileEntry:
        """Write a dictionary, or find the file that already holds it."""
        path = self.dictionaries / f"{dictionary.key}.arrow"
        if path.exists():
            entry = FileEntry(path.name, path.stat().st_size, durable.checksum(path))
        else:
            entry = write_dictionary(self.dictionaries, dictionary)
        return FileEntry(f"{DICTIONARIES}/{entry.path}", entry.size, entry.crc32)

    def add_deletions(self, live: Mask) -> FileEntry:
        """Write which rows of a segment are there, one Boolean a row."""
        entry = write_deletions(self.segments, self.new_name(), live)
        return FileEntry(f"{SEGMENTS}/{entry.path}", entry.size, entry.crc32)

    def add_lookups(self, lookups: dict[int, Lookup]) -> FileEntry:
        """Write the lookups of a segment's columns, by their numbers."""
        entry = write_lookups(self.segments, self.new_name(), lookups)
        return FileEntry(f"{SEGMENTS}/{entry.path}", entry.size, entry.crc32)

    def put(self, table: TableEntry) -> None:
        """Create a table, or replace the one of its name."""
        self._tables[fold(table.name)] = table

    def drop(self, name: str) -> None:
        """Drop a table; raises CatalogError if it is not there, or if another table's foreign key names it."""
        table = self.tables.table(name)
        for other in self._tables.values():
            if other is not table and any(fold(key.table) == fold(name) for key in other.foreign_keys):
                raise CatalogError(
                    f"table {table.name!r} can't be dropped: a foreign key of {other.name!r} names it; drop that first"
                )
        del self._tables[fold(name)]

    def commit(self) -> int:
        """Make the change durable and visible; returns the new version."""
        version = self.version
        after = Manifest(version, tuple(map(self._maintained, self._tables.values())))
        old, new = self._before.files, after.files
        for path in new.keys() - old.keys():
            durable.sync_file(self.store / path)
        durable.sync_directory(self.segments)
        durable.sync_directory(self.dictionaries)
        left = tuple(
            entry for entry in self._before.retired if entry.path not in new and (self.store / entry.path).exists()
        )
        gone = tuple(Retired(path, version) for path in sorted(old.keys() - new.keys()))
        after = Manifest(version, after.tables, left + gone)
        manifest.write(self.store, after)
        self._before = after
        self._on_commit(after)
        return version

    def _maintained(self, table: TableEntry) -> TableEntry:
        """The table with its rollups as they are after this write."""
        if self._maintain is None or len(table.fresh_rollups) == len(table.rollups):
            return table
        before = next((each for each in self._before.tables if fold(each.name) == fold(table.name)), None)
        return table if before is None else self._maintain(self, before, table)


def collect_garbage(store: Path, current: Manifest) -> None:
    """Remove what ended or failed writes left behind and no living reader can need; the caller holds the write lock."""
    oldest = oldest_pinned(store, current.version)
    keep = current.files.keys() | {entry.path for entry in current.retired if entry.since > oldest}
    for directory in (SEGMENTS, DICTIONARIES):
        for file in (store / directory).glob("*"):
            if f"{directory}/{file.name}" not in keep:
                durable.remove_quietly(file)
    for file in store.glob(f"{manifest.NAME}.*.tmp"):
        durable.remove_quietly(file)
    shutil.rmtree(store / STAGING, ignore_errors=True)
