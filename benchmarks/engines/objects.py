"""Objects out of a database: each query reads rows from SQLite and makes an object of each, as an ORM's programs do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import make_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal

import pyarrow as pa

from ..model import AnswerRow, Query, Source
from .base import ProgramEngine, Resources, batches, sql_name

_CONVERTERS: Mapping[str, Callable[[str], Any]] = {
    "DECIMAL_TEXT": Decimal,
    "DATE_TEXT": date.fromisoformat,
    "TIMESTAMP_TEXT": datetime.fromisoformat,
}


class Entities:
    """One table as a program with an ORM sees it: all of it, those with such values, or one by its primary key.

    Objects have slots, exact decimals and dates. One that was found by its key is kept for the rest of the query, as an
    ORM's session keeps it. Each other access asks the database again.
    """

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        columns = connection.execute("select name, type, pk from pragma_table_info(?)", [name]).fetchall()
        names = [column for column, _, _ in columns]
        self._connection = connection
        self._select = f"select {', '.join(map(sql_name, names))} from {sql_name(name)}"
        self._key = [column for column, _, place in sorted(columns, key=lambda column: column[2]) if place]
        self._class = make_dataclass(name.capitalize(), names, slots=True)
        self._converters = [_CONVERTERS.get(declared) for _, declared, _ in columns]
        self._known: dict[tuple[Any, ...], Any] = {}

    def __iter__(self) -> Iterator[Any]:
        return self._objects(self._select, ())

    def where(self, **equal: Any) -> Iterator[Any]:
        """The objects with these values."""
        conditions = " and ".join(f"{sql_name(column)} = ?" for column in equal)
        return self._objects(f"{self._select} where {conditions}", [_stored(value) for value in equal.values()])

    def get(self, *key: Any) -> Any:
        """The object with this primary key; None if there is none."""
        if key not in self._known:
            self._known[key] = next(self.where(**dict(zip(self._key, key, strict=True))), None)
        return self._known[key]

    def forget(self) -> None:
        """Begin a new session."""
        self._known.clear()

    def _objects(self, sql: str, values: Sequence[Any]) -> Iterator[Any]:
        make, converters = self._class, self._converters
        for row in self._connection.execute(sql, values):
            pairs = zip(converters, row, strict=True)
            yield make(*[convert(value) if convert and value is not None else value for convert, value in pairs])


class ObjectsEngine(ProgramEngine):
    """The first rows of each table in SQLite, with their primary keys; times are multiplied by the ratio of rows."""

    name: ClassVar[str] = "objects"
    row_limit: ClassVar[int | None] = 200_000
    keeps: ClassVar[Literal["disk", "memory"]] = "disk"
    has_indexes: ClassVar[bool] = True

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._path = resources.directory / "objects.db"
        self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._connection.execute("pragma journal_mode = off")

    @classmethod
    def missing(cls) -> str | None:
        return None

    @classmethod
    def version(cls) -> str:
        return sqlite3.sqlite_version

    def load_table(self, name: str, source: Source) -> None:
        self._connection.execute("begin")
        for number, batch in enumerate(batches(source, None, self.row_limit)):
            if number == 0:
                keys = f", primary key ({', '.join(map(sql_name, source.key))})" if source.key else ""
                columns = ", ".join(f"{sql_name(field.name)} {_declared(field.type)}" for field in batch.schema)
                self._connection.execute(f"create table {sql_name(name)} ({columns}{keys})")
            values = [[_stored(value) for value in column.to_pylist()] for column in batch.columns]
            marks = ", ".join("?" * len(values))
            self._connection.executemany(f"insert into {sql_name(name)} values ({marks})", zip(*values, strict=True))
        self._connection.execute("commit")
        self.tables[name] = Entities(self._connection, name)

    def open(self) -> None:
        for (name,) in self._connection.execute("select name from sqlite_schema where type = 'table'").fetchall():
            self.tables[name] = Entities(self._connection, name)

    def stored_bytes(self) -> int | None:
        return self._path.stat().st_size

    def execute(self, query: Query, parameters: Sequence[Any] = ()) -> Any:
        for table in self.tables.values():
            table.forget()
        return super().execute(query, parameters)

    def answer(self, result: list[AnswerRow]) -> pa.Table | list[AnswerRow]:
        return result

    def close(self) -> None:
        super().close()
        self._connection.close()

    def explain_configuration(self) -> str:
        return f"rows of SQLite, an object with slots for each, primary keys, at most {self.row_limit:,} rows a table"


def _stored(value: Any) -> Any:
    """Decimals and dates as text, which keeps them exact."""
    return str(value) if isinstance(value, (Decimal, date)) else value


def _declared(dtype: pa.DataType) -> str:
    """A type that SQLite keeps as it is, or as text, and that tells what makes a value of it."""
    if pa.types.is_decimal(dtype):
        return "DECIMAL_TEXT"
    if pa.types.is_timestamp(dtype):
        return "TIMESTAMP_TEXT"
    return "DATE_TEXT" if pa.types.is_date(dtype) else "BLOB"
