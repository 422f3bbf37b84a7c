"""Locality over a store of its own, as ingested: no layout is chosen by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import pyarrow as pa

from ..model import AnswerRow, Source
from .base import Ledger, OutOfMemory, Resources, SQLEngine, directory_bytes
from .duckdb import with_integers


class LocalityEngine(SQLEngine):
    """A new store on disk, filled from the Parquet files with every column; a query has its first run compiled."""

    name: ClassVar[str] = "locality"
    keeps: ClassVar[Literal["disk", "memory"]] = "disk"

    def __init__(self, resources: Resources, disabled_optimizers: Iterable[str] = ()) -> None:
        """An empty store; ``disabled_optimizers`` as in the connection's setting of this name."""
        super().__init__(resources)
        self._store = resources.directory / "bench.locality"
        self._disabled = tuple(disabled_optimizers)
        self._connection: Any = None

    @classmethod
    def missing(cls) -> str | None:
        return None

    @classmethod
    def version(cls) -> str:
        import locality

        return locality.__version__

    def load_table(self, name: str, source: Source) -> None:
        self._ingest(name, source, {})

    def _ingest(self, name: str, source: Source, foreign_keys: Mapping[str, str]) -> None:
        if self._connection is None:
            self._connect(read_only=False)
        self._connection.ingest(name, source.path, primary_key=source.key or None, foreign_keys=foreign_keys or None)

    def open(self) -> None:
        self._connect(read_only=True)

    def stored_bytes(self) -> int | None:
        return directory_bytes(self._store)

    def ask(self, sql: str, parameters: Sequence[Any]) -> Any:
        from locality import MemoryLimitError

        try:
            result = self._connection.sql(sql, list(parameters) or None)
            return result.to_arrow_table(), result
        except MemoryLimitError as error:
            raise OutOfMemory(str(error)) from error

    def answer(self, result: Any) -> pa.Table | list[AnswerRow]:
        table, answer = result
        return with_integers(table, answer.types)

    def ledger(self, result: Any) -> Ledger | None:
        _, answer = result
        profile = answer.profile
        return Ledger(
            engine=profile.engine,
            reason=profile.reason or None,
            bytes_moved=profile.bytes_moved,
            bytes_minimum=profile.bytes_minimum,
            bytes_naive=profile.bytes_naive,
            touched=profile.touched,
        )

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def explain_configuration(self) -> str:
        without = f", without {', '.join(self._disabled)}" if self._disabled else ""
        return f"store on disk, memory-mapped, as ingested, {self.resources.threads} threads{without}"

    def _connect(self, *, read_only: bool) -> None:
        import locality

        limit = self.resources.memory_bytes * 4 // 5
        self._connection = locality.connect(
            self._store,
            read_only=read_only,
            threads=self.resources.threads,
            memory_limit=limit,
            disabled_optimizers=self._disabled,
        )
        self._connection.settings.progress = False  # the benchmark shows its own
