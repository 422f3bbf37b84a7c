"""Methods of a connection about the tables of its store: reading data in, listing, dropping, handing them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from locality.runtime.execution import QueryExecution
from locality.runtime.opened import Opened
from locality.runtime.reorganize import arranger
from locality.runtime.sources import source_of
from locality.storage.info import StoreInfo, describe
from locality.storage.ingest import IngestReport, Mode, ingest

if TYPE_CHECKING:
    from locality.sql.dataset import StoredDataset


class StoredTables(Opened):
    """What :class:`locality.connection.Connection` can do about whole tables."""

    def ingest(
        self,
        table: str,
        source: Any,
        *,
        mode: Mode = "create",
        primary_key: str | Sequence[str] | None = None,
        foreign_keys: Mapping[str, str] | None = None,
        csv: Mapping[str, Any] | None = None,
    ) -> IngestReport:
        """Reads ``source`` into ``table``; see :func:`locality.storage.ingest.ingest` for arguments and errors."""
        self._check_open()
        self._before_change()
        report = ingest(
            self._store,
            table,
            source,
            mode=mode,
            primary_key=primary_key,
            foreign_keys=foreign_keys,
            csv=csv,
            threads=self.settings.threads,
            progress=self.settings.progress,
            arrange=arranger(QueryExecution(self._workers, self.settings.memory_bytes)),
        )
        if mode == "replace":
            self._after_rewrite()
        return report

    def drop(self, table: str) -> None:
        """Removes a table; raises CatalogError if it is not there."""
        self._check_open()
        self._check_writable()
        self._store.drop(table)

    def tables(self) -> list[str]:
        """The names of the tables."""
        return list(self._snapshot().tables)

    def dataset(self, table: str) -> StoredDataset:
        """A table as it is now, for other engines to scan: a ``pyarrow.dataset.Dataset``; raises CatalogError."""
        from locality.sql.dataset import StoredDataset  # which imports pyarrow.dataset: a third of a second

        return StoredDataset(source_of(self._snapshot().tables.table(table)))

    def info(self) -> StoreInfo:
        """Tables, columns, encodings and sizes, as an object that prints as tables."""
        self._check_open()
        return describe(self._store)
