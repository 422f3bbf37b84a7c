"""Checking a whole store, and writing anew what is derived from tables where that is damaged."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from locality.runtime.carried import check_carried
from locality.runtime.execution import QueryExecution
from locality.runtime.opened import Opened
from locality.runtime.reorganize import arranger
from locality.storage import files
from locality.storage.entries import LayoutEntry
from locality.storage.files import FileEntry
from locality.storage.mending import mend_lookups
from locality.storage.rewrite import rewrite
from locality.storage.rollups import RollupReport
from locality.storage.verify import Report, verify


class Checks(Opened):
    """What :class:`locality.connection.Connection` can do about damage."""

    @abstractmethod
    def rollup(self, name: str, sql: str) -> RollupReport:
        """See :meth:`locality.connection.Connection.rollup`."""

    def verify(self, *, repair: bool = False) -> Report:
        """Reads every file of the store and checks it; raises CorruptStoreError, naming each problem, on damage.

        Args:
            repair: first write anew the further layouts, rollups and lookups of which a file is missing or damaged,
                from their tables' own rows, each in a commit. A damaged primary layout is beyond that: restore a copy.

        Raises:
            StoreLockedError, StoreFullError, StoreError: the store can't be written to.
        """
        self._check_open()
        repaired = tuple(self._repaired()) if repair else ()
        execution = QueryExecution(self._workers, self.settings.memory_bytes)
        report = verify(self._store, lambda snapshot, table: check_carried(snapshot, table, execution))
        return replace(report, repaired=repaired)

    def _before_change(self) -> None:
        self._check_writable()
        for mended in self._repaired(files.check_size):
            warnings.warn(f"{mended} was damaged, and is written anew", stacklevel=3)

    def _repaired(self, check: Callable[[Path, FileEntry], None] = files.check_content) -> Iterator[str]:
        """Writes anew what fails the check of its files, and tells what it was."""
        self._check_writable()
        self._store.set_aside_damaged(check)
        execution = QueryExecution(self._workers, self.settings.memory_bytes)
        for entry in self._store.snapshot().entries.values():
            if mend_lookups(self._store, entry.name, check):
                yield f"lookups of table {entry.name!r}"
            for layout in entry.layouts[1:]:
                if self._store.left_out(layout) or files.first_problem(self._store.path, layout.files, check):
                    self._write_anew(entry.name, layout, execution)
                    yield f"layout {layout.name!r} of table {entry.name!r}"
            for rollup in entry.rollups:
                if self._store.left_out(rollup) or files.first_problem(self._store.path, rollup.stored.files, check):
                    self.rollup(rollup.name, rollup.sql)
                    yield f"rollup {rollup.name!r} of table {entry.name!r}"

    def _write_anew(self, table: str, layout: LayoutEntry, execution: QueryExecution) -> None:
        empty = replace(layout, segments=(), dictionaries=())
        threads, progress = self.settings.threads, self.settings.progress
        rewrite(self._store, table, lambda entry: empty, arranger(execution), threads=threads, progress=progress)
