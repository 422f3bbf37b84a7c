"""SQLite, as its users keep such data: decimals as REAL, dates as ISO text, primary keys declared."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from ..model import Query, Source
from .base import Answer, Engine, Extrapolation, TookTooLong, batches

_INSTRUCTIONS = 1_000_000
"""Steps of SQLite's virtual machine between looks at the clock: some milliseconds."""


class SQLiteEngine(Engine):
    """A file database without journal, mapped into memory, with only the columns that the suite mentions.

    That makes its rows shorter than the other engines', in its favour. It has one thread for a query whatever is asked.
    Its answers are compared with a tolerance, because REAL isn't decimal.
    """

    name: ClassVar[str] = "sqlite"
    row_limit: ClassVar[int | None] = 10_000_000
    exact: ClassVar[bool] = False
    time_limit: ClassVar[float | None] = 10.0

    _PRAGMAS = ("journal_mode = off", "synchronous = off", "mmap_size = 68719476736", "cache_size = -262144")

    def __init__(self, threads: int, directory: Path) -> None:
        super().__init__(threads, directory)
        self._path = directory / "sqlite.db"
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        for pragma in (*self._PRAGMAS, "temp_store = memory", "case_sensitive_like = on", f"threads = {threads}"):
            self._connection.execute(f"pragma {pragma}")

    @classmethod
    def missing(cls) -> str | None:
        return None

    @classmethod
    def version(cls) -> str:
        return sqlite3.sqlite_version

    def load_table(self, name: str, source: Source) -> None:
        columns = list(dict.fromkeys((*source.key, *source.used)))
        marks = ", ".join("?" * len(columns))
        created = False
        self._connection.execute("begin")
        for batch in batches(source, columns, self.row_limit):
            if not created:
                types = ", ".join(f'"{field.name}" {_declared(field.type)}' for field in batch.schema)
                keys = ", ".join(f'"{column}"' for column in source.key)
                self._connection.execute(f'create table "{name}" ({types}, primary key ({keys}))')
                created = True
            values = [_stored(column).to_pylist() for column in batch.columns]
            names = ", ".join(f'"{field.name}"' for field in batch.schema)
            self._connection.executemany(f'insert into "{name}" ({names}) values ({marks})', zip(*values, strict=True))
        self._connection.execute("commit")

    def finish_loading(self) -> None:
        self._connection.execute("analyze")

    def stored_bytes(self) -> int | None:
        return self._path.stat().st_size

    def run(self, query: Query) -> Answer:
        deadline = time.perf_counter() + (self.time_limit or math.inf)
        self._connection.set_progress_handler(lambda: time.perf_counter() > deadline, _INSTRUCTIONS)
        try:
            return Answer(self._connection.execute(query.text(self.name)).fetchall())
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise TookTooLong from error
            raise

    def close(self) -> None:
        self._connection.close()
        self._path.unlink(missing_ok=True)

    def explain_configuration(self) -> str:
        return (
            "file mapped into memory, no journal, decimals as REAL, dates as text, primary keys, analyze, "
            "only the columns that the suite uses, one thread but for sorting (it has no parallel queries)"
        )

    def extrapolation(self, query: Query, sources: Mapping[str, Source]) -> Extrapolation | None:
        found = super().extrapolation(query, sources)
        if found is None or not query.indexed:
            return found
        return Extrapolation(found.measured_rows, found.total_rows, 1.0)


def _declared(dtype: pa.DataType) -> str:
    if pa.types.is_integer(dtype):
        return "INTEGER"
    return "REAL" if pa.types.is_decimal(dtype) or pa.types.is_floating(dtype) else "TEXT"


def _stored(column: pa.Array[Any]) -> pa.Array[Any]:
    if pa.types.is_decimal(column.type):
        return column.cast(pa.float64())
    return column.cast(pa.string()) if pa.types.is_temporal(column.type) else column
