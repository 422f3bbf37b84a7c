"""DuckDB in memory, with native tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from ..model import Query, Source
from .base import Answer, Engine


@contextmanager
def interruptible() -> Iterator[None]:
    """Lets Ctrl-C through: DuckDB's client turns it into a RuntimeError while a query runs."""
    try:
        yield
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise


class DuckDBEngine(Engine):
    """Tables made by ``create table as`` in an in-memory database, as its users would; no other settings."""

    name: ClassVar[str] = "duckdb"

    def __init__(self, threads: int, directory: Path) -> None:
        super().__init__(threads, directory)
        import duckdb

        self._connection = duckdb.connect(":memory:", config={"threads": threads})

    @classmethod
    def missing(cls) -> str | None:
        return None if find_spec("duckdb") else "pip install duckdb"

    @classmethod
    def version(cls) -> str:
        import duckdb

        return str(duckdb.__version__)

    def load_table(self, name: str, source: Source) -> None:
        with interruptible():
            self._connection.execute(f'create table "{name}" as from read_parquet(?)', [str(source.path)])

    def stored_bytes(self) -> int | None:
        tag = "IN_MEMORY_TABLE"
        sql = "select sum(memory_usage_bytes)::bigint from duckdb_memory() where tag = ?"
        found = self._connection.execute(sql, [tag]).fetchone()
        return int(found[0]) if found and found[0] else None

    def run(self, query: Query) -> Answer:
        with interruptible():
            return Answer(self._connection.execute(query.text(self.name)).fetchall())

    def close(self) -> None:
        self._connection.close()

    def explain_configuration(self) -> str:
        return f"in memory, native tables, {self.threads} threads"
