"""A store: a directory of immutable files under a manifest, opened for snapshots and for one write at a time.

Its entries: ``manifest.json``; ``segments/`` and ``dictionaries/`` (immutable files that the manifest names);
``staging/`` (what a write in progress keeps aside); ``write.lock`` and ``readers/`` (who is using the store);
``workload/`` (what was asked of it).
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType

from locality.errors import CorruptStoreError, StoreError
from locality.storage import durable, files, manifest
from locality.storage.catalog import NameMap
from locality.storage.entries import LayoutEntry, RollupEntry, TableEntry
from locality.storage.files import FileEntry
from locality.storage.lock import READERS, WRITE_LOCK, ReaderPin, WriteLock, remove_dead_pins
from locality.storage.manifest import Manifest
from locality.storage.snapshot import Snapshot, load
from locality.storage.table import Table
from locality.storage.transaction import DICTIONARIES, SEGMENTS, STAGING, Maintain, Transaction, collect_garbage

#: What was asked of the store, see :mod:`locality.advisor.log`.
WORKLOAD = "workload"
_ENTRIES = {SEGMENTS, DICTIONARIES, STAGING, READERS, WRITE_LOCK, WORKLOAD}
_CREATION_TIMEOUT = 10.0


class Store:
    """An open store; several threads may share it. Made by :meth:`open`.

    maintain: what keeps rollups up to date as tables change; without it they are not used any more after a change.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.maintain: Maintain | None = None
        self._manifest = path / manifest.NAME
        self._mutex = threading.RLock()
        self._pin = ReaderPin(path)
        self._in_use: weakref.WeakKeyDictionary[Table, int] = weakref.WeakKeyDictionary()
        self._pinned = 0
        self._snapshot = Snapshot(-1, NameMap(), NameMap())
        self._damaged: set[LayoutEntry | RollupEntry] = set()
        self._stamp: tuple[int, int, int] | None = None
        self._closed = False
        try:
            self._load()
        except BaseException:
            self._pin.close()
            raise

    @classmethod
    def open(cls, path: str | Path, *, create: bool = True) -> Store:
        """Open the store in directory ``path``; where nothing is there yet (or an empty directory), create it first.

        Raises:
            StoreError: it is not a store; nothing was written to it.
            CorruptStoreError, StoreVersionError: its manifest can't be read, or is of a later format.
        """
        path = Path(path).absolute()
        if not (path / manifest.NAME).is_file():
            _check_free(path, create)
            with durable.store_errors(path):
                _create(path)
        remove_dead_pins(path)  # a store that is only read has no writer who would
        return cls(path)

    def snapshot(self) -> Snapshot:
        """The store as the last commit, of whatever process, left it. Its files stay while its tables are in use."""
        with self._mutex:
            self._check_open()
            # every commit puts a new file in the manifest's place, so an unchanged one need not be read
            stamp = manifest.stamp(self._manifest)
            if stamp != self._stamp:
                if manifest.read_version(self.path) != self._snapshot.version:
                    self._load()
                self._stamp = stamp
            return self._snapshot

    def set_aside_damaged(self, check: Callable[[Path, FileEntry], None] = files.check_content) -> list[str]:
        """Leave out of snapshots, from now on, secondary layouts and rollups of which a file is missing or damaged.

        check: raises CorruptStoreError for a file that is not as it was written; the default reads all of it.
        Returns what was found, a message for each, none of it told before.
        """
        with self._mutex:
            self._check_open()
            found: dict[LayoutEntry | RollupEntry, str] = {}
            for entry in self._snapshot.entries.values():
                for each, name, needed in _dispensable(entry):
                    problem = None if each in self._damaged else files.first_problem(self.path, needed, check)
                    if problem is not None:
                        found[each] = f"{name} of table {entry.name!r} is left out: {problem}"
            if found:
                self._damaged.update(found)
                self._load()
            return list(found.values())

    def left_out(self, entry: LayoutEntry | RollupEntry) -> bool:
        """Whether :meth:`set_aside_damaged` found it."""
        with self._mutex:
            return entry in self._damaged

    def begin(self, timeout: float = 0.0) -> Transaction:
        """A write, to be entered as a context manager; ``timeout``: seconds to wait for another writer to end."""
        self._check_open()
        return Transaction(self.path, timeout, lambda _: self._committed(), self.maintain)

    def drop(self, table: str) -> None:
        """Drop a table durably; raises CatalogError if it is not there, or if another table's foreign key names it."""
        with self.begin() as transaction:
            transaction.drop(table)
            transaction.commit()

    def reclaim(self) -> None:
        """Remove the files that commits have superseded and no reader needs; the next writer does what this can't."""
        with self._mutex:
            if not self._closed:
                self._move_pin()
        with contextlib.suppress(StoreError):  # another is writing, or this store can't be written to
            retired = manifest.read(self.path).retired
            if any((self.path / entry.path).exists() for entry in retired):
                with WriteLock(self.path):
                    collect_garbage(self.path, manifest.read(self.path))

    def close(self) -> None:
        """Let the store go; a second call does nothing. Snapshots stay usable until a writer removes their files."""
        with self._mutex:
            self._closed = True
            self._pin.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"the store {self.path} was closed before this call")

    def _committed(self) -> None:
        self.snapshot()

    def _load(self) -> None:
        """Read the manifest, then move the pin to the oldest version whose tables are still in use.

        The pin lies on an older version (or on all) while the manifest is read, so no file can vanish in between.
        """
        # The old snapshot must not be held beyond this line, or its tables would count as in use.
        self._snapshot = load(self.path, manifest.read(self.path), self._snapshot, self._damaged)
        for table in self._snapshot.tables.values():
            for each in (table, *(rollup.table for rollup in table.rollups)):
                self._in_use[each] = self._snapshot.version
        self._move_pin()

    def _move_pin(self) -> None:
        oldest = min(self._in_use.values(), default=self._snapshot.version)
        if oldest != self._pinned:
            self._pin.keep(oldest)
            self._pinned = oldest


def _dispensable(entry: TableEntry) -> Iterator[tuple[LayoutEntry | RollupEntry, str, Iterable[FileEntry]]]:
    """What of a table can be done without: for each its entry, what it is called, and its files."""
    for layout in entry.layouts[1:]:
        yield layout, f"layout {layout.name!r}", layout.files
    for rollup in entry.rollups:
        yield rollup, f"rollup {rollup.name!r}", rollup.stored.files


def _check_free(path: Path, create: bool) -> None:
    """Raise unless a store may be created at ``path``."""
    if path.exists() and not path.is_dir():
        raise StoreError(f"{path} is a file, not a store: a store is a directory")
    entries = {entry.name for entry in path.iterdir()} if path.exists() else set()
    foreign = {name for name in entries - _ENTRIES if not name.startswith(f"{manifest.NAME}.")}
    if foreign:
        raise StoreError(f"{path} is not a store (it holds {min(foreign)!r}, and no {manifest.NAME})")
    if any(entry for name in (SEGMENTS, DICTIONARIES) for entry in (path / name).glob("*")):
        raise CorruptStoreError(f"the store's manifest {path / manifest.NAME} is missing")
    if not create:
        raise StoreError(f"there is no store at {path}: a table that is ingested there makes one")


def _create(path: Path) -> None:
    """Write the manifest of an empty store, unless another process was faster."""
    path.mkdir(parents=True, exist_ok=True)
    with WriteLock(path, _CREATION_TIMEOUT):
        if not (path / manifest.NAME).exists():
            manifest.write(path, Manifest())
