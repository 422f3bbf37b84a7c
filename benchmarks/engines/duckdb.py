"""DuckDB with native tables in a database file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

import pyarrow as pa

from ..model import AnswerRow, Source
from .base import OutOfMemory, Resources, SQLEngine, sql_name

_INTERRUPTED = "Query interrupted"


@contextmanager
def interruptible() -> Iterator[None]:
    """Lets Ctrl-C through: DuckDB's client turns it into a RuntimeError while a query runs."""
    try:
        yield
    except RuntimeError as error:
        if str(error) == _INTERRUPTED:
            raise KeyboardInterrupt from error
        raise


class DuckDBEngine(SQLEngine):
    """Tables made by ``create table as`` in a database file, as its users would; no settings but threads and memory.

    In the file they are compressed, which queries use: most are as fast as over tables in memory, or faster.
    """

    name: ClassVar[str] = "duckdb"
    keeps: ClassVar[Literal["disk", "memory"]] = "disk"

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._path = resources.directory / "bench.duckdb"
        self._connection = self._connect(read_only=False)

    @classmethod
    def missing(cls) -> str | None:
        return None if find_spec("duckdb") else "pip install duckdb"

    @classmethod
    def version(cls) -> str:
        import duckdb

        return str(duckdb.__version__)

    def load_table(self, name: str, source: Source) -> None:
        self._connection.execute(f"create table {sql_name(name)} as from read_parquet(?)", [str(source.path)])

    def finish_loading(self) -> None:
        self._connection.execute("checkpoint")

    def open(self) -> None:
        self._connection.close()
        self._connection = self._connect(read_only=True)

    def stored_bytes(self) -> int | None:
        return self._path.stat().st_size

    def ask(self, sql: str, parameters: Sequence[Any]) -> Any:
        import duckdb

        try:
            relation = self._connection.sql(sql, params=list(parameters))
            return relation.to_arrow_table(), [str(dtype) for dtype in relation.types]
        except duckdb.OutOfMemoryException as error:
            raise OutOfMemory(str(error)) from error

    def answer(self, result: Any) -> pa.Table | list[AnswerRow]:
        return with_integers(*result)

    def interrupt(self) -> None:
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()

    def explain_configuration(self) -> str:
        return f"native tables in a database file, {self.resources.threads} threads"

    def _connect(self, *, read_only: bool) -> Any:
        import duckdb

        limit = f"{self.resources.memory_bytes * 4 // 5 // 2**20}MiB"
        settings: dict[str, str | bool | int | float | list[str]] = {
            "threads": self.resources.threads,
            "memory_limit": limit,
        }
        return duckdb.connect(self._path, read_only=read_only, config=settings)


def with_integers(table: pa.Table, types: Sequence[str]) -> pa.Table:
    """The table with its HUGEINT columns, which Arrow has as decimals, as integers where 64 bits hold them."""
    for place, kind in enumerate(types):
        if kind == "HUGEINT":
            with suppress(pa.ArrowInvalid):
                column = table.column(place).cast(pa.int64())
                table = table.set_column(place, table.field(place).with_type(pa.int64()), column)
    return table
