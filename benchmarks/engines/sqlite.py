"""SQLite, as its users keep such data: decimals as REAL, dates as ISO text, primary keys declared."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal

import pyarrow as pa

from ..model import AnswerRow, Source
from .base import Resources, SQLEngine, batches, sql_name


class SQLiteEngine(SQLEngine):
    """A file database without journal, mapped into memory, with only the columns that the suite mentions.

    That makes its rows shorter than the other engines', in its favour. All rows of a large table would take most of a
    run's time, so a table's first rows are loaded, and times are multiplied by the ratio of rows. It has one thread for
    a query whatever is asked. Its answers are compared with a tolerance, because REAL isn't decimal.
    """

    name: ClassVar[str] = "sqlite"
    row_limit: ClassVar[int | None] = 1_000_000
    exact: ClassVar[bool] = False
    keeps: ClassVar[Literal["disk", "memory"]] = "disk"
    has_indexes: ClassVar[bool] = True

    _PRAGMAS = ("journal_mode = off", "synchronous = off", "mmap_size = 68719476736", "cache_size = -262144")

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._path = resources.directory / "sqlite.db"
        self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        threads = f"threads = {resources.threads}"
        for pragma in (*self._PRAGMAS, "temp_store = memory", "case_sensitive_like = on", threads):
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
                types = ", ".join(f"{sql_name(field.name)} {_declared(field.type)}" for field in batch.schema)
                keys = ", ".join(map(sql_name, source.key))
                primary = f", primary key ({keys})" if keys else ""
                self._connection.execute(f"create table {sql_name(name)} ({types}{primary})")
                created = True
            values = [_stored(column).to_pylist() for column in batch.columns]
            names = ", ".join(map(sql_name, batch.schema.names))
            insert = f"insert into {sql_name(name)} ({names}) values ({marks})"
            self._connection.executemany(insert, zip(*values, strict=True))
        self._connection.execute("commit")

    def finish_loading(self) -> None:
        self._connection.execute("analyze")

    def open(self) -> None:
        """The file was opened by the constructor."""

    def stored_bytes(self) -> int | None:
        return self._path.stat().st_size

    def ask(self, sql: str, parameters: Sequence[Any]) -> Any:
        return self._connection.execute(sql, [_bound(value) for value in parameters]).fetchall()

    def answer(self, result: Any) -> pa.Table | list[AnswerRow]:
        return list(result)

    def interrupt(self) -> None:
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()

    def explain_configuration(self) -> str:
        return (
            "file mapped into memory, no journal, decimals as REAL, dates as text, primary keys, analyze, "
            "only the columns that the suite uses, one thread but for sorting (it has no parallel queries)"
        )


def _declared(dtype: pa.DataType) -> str:
    if pa.types.is_integer(dtype):
        return "INTEGER"
    return "REAL" if pa.types.is_decimal(dtype) or pa.types.is_floating(dtype) else "TEXT"


def _bound(value: Any) -> Any:
    """A parameter as the tables have such values."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat(*[" "] * isinstance(value, datetime)) if isinstance(value, date) else value


def _stored(column: pa.Array[Any]) -> pa.Array[Any]:
    if pa.types.is_decimal(column.type):
        return column.cast(pa.float64())
    return column.cast(pa.string()) if pa.types.is_temporal(column.type) else column
