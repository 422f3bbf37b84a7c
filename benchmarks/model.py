"""What a suite is made of: queries, each with its texts and its row-at-a-time program, over tables in Parquet files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Row = dict[str, Any]
"""One row as row-at-a-time programs have it: column name to Python value (int, Decimal, str, date)."""

AnswerRow = tuple[Any, ...]

NaiveProgram = Callable[[Mapping[str, Sequence[Row]]], list[AnswerRow]]
"""A plain Python loop over the rows of the query's tables that returns the same answer as the SQL."""


@dataclass(frozen=True)
class Query:
    """One question.

    name: how tables and JSON call it.
    title: what it asks, in a few words.
    tables: the tables that it reads.
    sql: its text in DuckDB's dialect, which is also Locality's.
    naive: the same question as a loop over rows, for the engine that runs such loops; None keeps it out.
    dialects: other texts by engine name, where an engine can't run ``sql``.
    ordered: whether its ORDER BY fixes the order of all rows, so that answers are compared in order.
    indexed: whether a primary key answers it, so that its time does not grow with the rows where there is an index.
    """

    name: str
    title: str
    tables: tuple[str, ...]
    sql: str
    naive: NaiveProgram | None = None
    dialects: Mapping[str, str] = field(default_factory=dict)
    ordered: bool = True
    indexed: bool = False

    def text(self, engine: str) -> str:
        """The SQL text for the engine of this name."""
        return self.dialects.get(engine, self.sql)


@dataclass(frozen=True)
class Source:
    """A table to load: its Parquet file, its primary key, and the columns that the suite's queries mention."""

    path: Path
    key: tuple[str, ...]
    used: tuple[str, ...]

    @cached_property
    def rows(self) -> int:
        """Rows in the file."""
        return int(pq.read_metadata(self.path).num_rows)


@dataclass(frozen=True)
class Suite:
    """A benchmark: queries and the data they run on.

    name, title: what the command line and the table call it.
    queries: what is asked, in the order of the table.
    keys: primary key of each table.
    prepare: makes sure that the data exist at a scale and returns the Parquet file of each of the tables given.
    engines: the engines that run when none are named.
    """

    name: str
    title: str
    queries: tuple[Query, ...]
    keys: Mapping[str, tuple[str, ...]]
    prepare: Callable[[float, Sequence[str]], Mapping[str, Path]]
    engines: tuple[str, ...]

    def sources(self, scale: float) -> dict[str, Source]:
        """The tables that the queries read, generated where needed."""
        names = sorted({table for query in self.queries for table in query.tables})
        text = " ".join(query.sql for query in self.queries)
        words = set(re.findall(r"\w+", text))
        return {
            name: Source(path, self.keys[name], tuple(c for c in pq.read_schema(path).names if c in words))
            for name, path in self.prepare(scale, names).items()
        }
