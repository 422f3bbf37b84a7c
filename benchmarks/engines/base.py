"""The interface that every engine of the benchmarks has, and the values that pass through it.

Everything that goes in or out can be pickled, so that an engine can run in a process of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from ..model import AnswerRow, Query, Source

_BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Ledger:
    """What an engine says of how it answered: who did (``engine``, else why not), and bytes moved.

    bytes_minimum: the least that any plan over these layouts must read; bytes_naive: whole rows.
    """

    engine: str
    reason: str | None
    bytes_moved: int
    bytes_minimum: int
    bytes_naive: int


@dataclass(frozen=True)
class Answer:
    """Rows as the engine returns them to a Python program, and its ledger where it keeps one."""

    rows: list[AnswerRow]
    ledger: Ledger | None = None


@dataclass(frozen=True)
class Extrapolation:
    """The engine ran over the first ``measured_rows`` of ``total_rows``, and times are multiplied by ``factor``."""

    measured_rows: int
    total_rows: int
    factor: float


class TookTooLong(Exception):
    """An engine stopped a query at its time limit."""


class Engine(ABC):
    """An engine that loads tables and answers queries.

    name: what the command line, the table and the JSON call it.
    row_limit: rows of each table that it loads at most, from the first on; None is all.
    exact: whether it has decimals and dates, so that its answers must equal the reference exactly, types included.
    time_limit: seconds after which a run is given up, so that a suite ends in good time; None where runs are short.
    """

    name: ClassVar[str]
    row_limit: ClassVar[int | None] = None
    exact: ClassVar[bool] = True
    time_limit: ClassVar[float | None] = None

    def __init__(self, threads: int, directory: Path) -> None:
        """An empty engine with so many worker threads, which may keep files in ``directory``."""
        self.threads = threads
        self.directory = directory

    @classmethod
    @abstractmethod
    def missing(cls) -> str | None:
        """How to install it if it can't run here, else None."""

    @classmethod
    @abstractmethod
    def version(cls) -> str:
        """The version of the engine."""

    @abstractmethod
    def load_table(self, name: str, source: Source) -> None:
        """Load one table in the engine's own form."""

    def finish_loading(self) -> None:  # noqa: B027 (most engines have nothing left to do)
        """Do what comes once after all tables: gather statistics, for example."""

    @abstractmethod
    def stored_bytes(self) -> int | None:
        """Bytes that the loaded tables take, on disk or else in memory; None where that can't be told."""

    def answers(self, query: Query) -> bool:
        """Whether the engine has a form of the query that it can run."""
        return True

    @abstractmethod
    def run(self, query: Query) -> Answer:
        """Answer the query, to the last row as Python values; raises TookTooLong at the time limit."""

    @abstractmethod
    def close(self) -> None:
        """Give back memory and files."""

    def explain_configuration(self) -> str:
        """In a few words, how it was set up; goes into the JSON."""
        return f"{self.threads} threads"

    def extrapolation(self, query: Query, sources: Mapping[str, Source]) -> Extrapolation | None:
        """How times over the rows that were loaded relate to all rows; None if all were loaded."""
        total = sum(sources[table].rows for table in query.tables)
        limit = self.row_limit or total
        measured = sum(min(limit, sources[table].rows) for table in query.tables)
        return None if measured == total else Extrapolation(measured, total, total / measured)


def batches(source: Source, columns: list[str] | None, limit: int | None) -> Iterator[pa.RecordBatch]:
    """The file's first ``limit`` rows (None: all) of these columns (None: all), batch by batch."""
    left = source.rows if limit is None else limit
    with pq.ParquetFile(source.path) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
            if left <= 0:
                return
            yield batch.slice(0, left)
            left -= batch.num_rows
