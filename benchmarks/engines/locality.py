"""Locality over a store of its own, as ingested: no layout is chosen by hand."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ..model import Query, Source
from .base import Answer, Engine, Ledger


class LocalityEngine(Engine):
    """A new store on disk, filled from the Parquet files with every column; a query has its first run compiled."""

    name: ClassVar[str] = "locality"

    def __init__(self, threads: int, directory: Path) -> None:
        super().__init__(threads, directory)
        import locality

        self._store = directory / "bench.locality"
        self._connection = locality.connect(self._store, threads=threads)
        self._connection.settings.progress = False  # the benchmark shows its own

    @classmethod
    def missing(cls) -> str | None:
        return None

    @classmethod
    def version(cls) -> str:
        import locality

        return locality.__version__

    def load_table(self, name: str, source: Source) -> None:
        self._connection.ingest(name, source.path)

    def stored_bytes(self) -> int | None:
        return sum(path.stat().st_size for path in self._store.rglob("*") if path.is_file())

    def run(self, query: Query) -> Answer:
        result = self._connection.sql(query.text(self.name))
        rows = result.fetchall()
        profile = result.profile
        ledger = Ledger(
            engine=profile.engine,
            reason=profile.reason or None,
            bytes_moved=profile.bytes_moved,
            bytes_minimum=profile.bytes_minimum,
            bytes_naive=profile.bytes_naive,
        )
        return Answer(rows, ledger)

    def close(self) -> None:
        self._connection.close()

    def explain_configuration(self) -> str:
        return f"store on disk, memory-mapped, as ingested, {self.threads} threads"
