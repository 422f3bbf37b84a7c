"""The interface that every engine of the benchmarks has, and the values that pass through it.

An engine lives in a process of its own (see ``worker``), so what goes in or out can be pickled, and what is asked of it
before there is such a process is asked of the class.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from ..model import AnswerRow, Query, Source

_BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Resources:
    """What an engine may use: threads, memory in bytes (its process is ended beyond that), a directory of its own."""

    threads: int
    memory_bytes: int
    directory: Path


@dataclass(frozen=True)
class Ledger:
    """What an engine says of how it answered: who did (``engine``, else why not), and bytes moved.

    bytes_minimum: the least that any plan over these layouts must read; bytes_naive: whole rows; touched: bytes read by
    ``table.column``.
    """

    engine: str
    reason: str | None
    bytes_moved: int
    bytes_minimum: int
    bytes_naive: int
    touched: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Extrapolation:
    """The engine ran over the first ``measured_rows`` of ``total_rows``, and times are multiplied by ``factor``."""

    measured_rows: int
    total_rows: int
    factor: float


class OutOfMemory(Exception):
    """An engine needs more memory than it has for a query."""


class NotSupported(Exception):
    """The engine lacks something that the query needs."""


class Engine(ABC):
    """An engine that loads tables and answers queries.

    name: what the command line, the table and the JSON call it.
    row_limit: rows of each table that it loads at most, from the first on; None is all.
    exact: whether it has decimals and dates and averages like the reference's, so that its answers must be equal to
        them exactly, types included.
    keeps: where its tables are. What is on disk can be opened again by another process.
    has_helpers: whether it works in processes that it starts itself, whose memory counts as its own.
    has_indexes: whether it finds rows by the primary key, so that such a query's time does not grow with the rows.
    """

    name: ClassVar[str]
    row_limit: ClassVar[int | None] = None
    exact: ClassVar[bool] = True
    keeps: ClassVar[Literal["disk", "memory"]] = "memory"
    has_helpers: ClassVar[bool] = False
    has_indexes: ClassVar[bool] = False

    def __init__(self, resources: Resources) -> None:
        """An empty engine."""
        self.resources = resources

    @classmethod
    def dialect(cls) -> str:
        """Whose texts it runs: its own name, but for a variant of another engine."""
        return cls.name

    @classmethod
    @abstractmethod
    def missing(cls) -> str | None:
        """How to install it if it can't run here, else None."""

    @classmethod
    @abstractmethod
    def version(cls) -> str:
        """The version of the engine."""

    @classmethod
    def environment(cls, threads: int) -> Mapping[str, str]:
        """Variables of its process that are set before anything is imported."""
        return {}

    @classmethod
    def answers(cls, query: Query) -> bool:
        """Whether the engine has a form of the query that it can run."""
        return query.text(cls.dialect()) is not None

    @abstractmethod
    def load_table(self, name: str, source: Source) -> None:
        """Load one table in the engine's own form."""

    def finish_loading(self) -> None:  # noqa: B027 (most engines have nothing left to do)
        """Do what comes once after all tables: gather statistics, for example."""

    def open(self) -> None:
        """Take up, instead of loading, what another process stored in the same directory."""
        raise NotSupported(f"{self.name} keeps its tables in memory")

    @abstractmethod
    def stored_bytes(self) -> int | None:
        """Bytes that the loaded tables take where the engine keeps them; None where that can't be told."""

    @abstractmethod
    def execute(self, query: Query, parameters: Sequence[Any] = ()) -> Any:
        """The whole result, in the form in which the engine's client hands whole results over; this is what is timed.

        Raises:
            OutOfMemory, NotSupported: the engine says so itself.
        """

    @abstractmethod
    def answer(self, result: Any) -> pa.Table | list[AnswerRow]:
        """A result for the comparison: an Arrow table, or rows of Python values."""

    def ledger(self, result: Any) -> Ledger | None:
        """What the engine tells of the bytes that it moved; None if it keeps no count."""
        return None

    def interrupt(self) -> None:  # noqa: B027 (where there is no way, the process is ended)
        """Called from another thread at the time limit: make ``execute`` return or raise soon, if there is a way."""

    @abstractmethod
    def close(self) -> None:
        """Give back memory and files."""

    def explain_configuration(self) -> str:
        """In a few words, how it was set up; goes into the JSON."""
        return f"{self.resources.threads} threads"

    @classmethod
    def extrapolation(cls, query: Query, sources: Mapping[str, Source]) -> Extrapolation | None:
        """How times over the rows that were loaded relate to all rows; None if all were loaded."""
        total = sum(sources[table].rows for table in query.tables)
        limit = cls.row_limit or total
        measured = sum(min(limit, sources[table].rows) for table in query.tables)
        if measured == total:
            return None
        return Extrapolation(measured, total, 1.0 if cls.has_indexes and query.indexed else total / measured)


class SQLEngine(Engine):
    """An engine that is given a text in its dialect.

    takes_parameters: whether ``?`` is given to it with the values; else they are put into the text.
    """

    takes_parameters: ClassVar[bool] = True

    def execute(self, query: Query, parameters: Sequence[Any] = ()) -> Any:
        text = query.text(self.dialect())
        assert text is not None, f"{query.name} has no form for {self.name}"
        if parameters and not self.takes_parameters:
            return self.ask(with_literals(text, parameters), ())
        return self.ask(text, parameters)

    @abstractmethod
    def ask(self, sql: str, parameters: Sequence[Any]) -> Any:
        """The whole result of a text; see ``execute``."""


class ProgramEngine(Engine):
    """An engine that runs the queries' programs for it over ``tables``, which loading fills; one thread."""

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self.tables: dict[str, Any] = {}

    @classmethod
    def answers(cls, query: Query) -> bool:
        return cls.dialect() in query.programs

    def execute(self, query: Query, parameters: Sequence[Any] = ()) -> Any:
        return query.programs[self.dialect()](self.tables, *parameters)

    def close(self) -> None:
        self.tables.clear()


def batches(source: Source, columns: list[str] | None, limit: int | None) -> Iterator[pa.RecordBatch]:
    """The file's first ``limit`` rows (None: all) of these columns (None: all), batch by batch."""
    left = source.rows if limit is None else limit
    with pq.ParquetFile(source.path) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
            if left <= 0:
                return
            yield batch.slice(0, left)
            left -= batch.num_rows


def directory_bytes(directory: Path) -> int:
    """Bytes of all files below a directory."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def with_literals(sql: str, parameters: Sequence[Any]) -> str:
    """The text with each ``?`` outside of quotes replaced by a value: a number, a string, a date or a timestamp."""
    values = iter(parameters)
    parts = re.split(r"('(?:[^']|'')*')", sql)  # quoted texts come at odd places
    return "".join(
        part if place % 2 else re.sub(r"\?", lambda _: _literal(next(values)), part) for place, part in enumerate(parts)
    )


def _literal(value: Any) -> str:
    match value:
        case bool() | int() | float() | Decimal():
            return str(value)
        case datetime():
            return f"timestamp '{value.isoformat(sep=' ')}'"
        case date():
            return f"date '{value.isoformat()}'"
        case _:
            return "'" + str(value).replace("'", "''") + "'"


def with_quoted_intervals(sql: str) -> str:
    """``interval '3' month`` for ``interval 3 month``: DuckDB takes both, others only what the standard says."""
    return re.sub(r"\binterval (\d+) ", r"interval '\1' ", sql, flags=re.IGNORECASE)


def parquet_path(path: Path) -> str:
    """A path as a SQL string, for engines that take no parameters there."""
    return "'" + str(path).replace("'", "''") + "'"


def sql_name(name: str) -> str:
    """An identifier, quoted as the standard says."""
    return '"' + name.replace('"', '""') + '"'
