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
        """Reads rows into a table, in their order, in one commit; on any error nothing changes.

        Args:
            table: the table's name.
            source: a path, a glob or paths of Parquet, CSV or Arrow IPC files, or an object with
                ``__arrow_c_stream__``: of pyarrow, pandas, Polars, or a relation of DuckDB.
            mode: ``"create"`` a new table, ``"replace"`` one (or create it), or ``"append"`` rows to one.
            primary_key: the column or columns that identify a row; checked, and kept.
            foreign_keys: ``{"l_orderkey": "orders(o_orderkey)"}``, or ``{"a, b": "t(x, y)"}``; checked, and kept.
            csv: options of DuckDB's ``read_csv`` for CSV files: ``{"types": {"zip": "VARCHAR"}, "delim": ";"}``.

        Raises:
            SourceError: the source is missing, damaged, of an unknown format, or has a bad row.
            SchemaError: names or types that can't be, or that do not fit the table.
            CatalogError: the table is there already (``create``), or is not (``append``).
            KeyViolation: a declared key does not hold. ValueError: there is no such mode.
            StoreLockedError, StoreFullError, StoreError: the store can't be written to.
        """
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
