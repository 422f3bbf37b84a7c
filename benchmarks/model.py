"""What a suite is made of: queries, each with its texts and its programs, over tables in Parquet files."""

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

Program = Callable[..., Any]
"""A query as a program: it gets the tables by name, in the form that its engine keeps them, and then the parameters.

For ``naive`` a table is a sequence of ``Row`` and the answer a list of ``AnswerRow``; for ``pandas`` both are data
frames, with decimals as float64 and dates as datetime64. It is a function of a module, because engines run in processes
of their own, which find it by its name.
"""


@dataclass(frozen=True)
class Query:
    """One question.

    name: how tables and JSON call it.
    title: what it asks, in a few words.
    tables: the tables that it reads.
    sql: its text in DuckDB's dialect, which is also Locality's.
    programs: the same question for the engines that run programs, by engine name.
    dialects: other texts by engine name, where an engine can't run ``sql``; None where it has no form at all.
    parameters: the values of each ``?`` of the texts in the run of this number, from 0, the first; the same for every
        engine. None where there are none.
    ordered: whether its ORDER BY fixes the order of all rows, so that answers are compared in order.
    indexed: whether a primary key answers it, so that its time does not grow with the rows where there is an index.
    """

    name: str
    title: str
    tables: tuple[str, ...]
    sql: str
    programs: Mapping[str, Program] = field(default_factory=dict)
    dialects: Mapping[str, str | None] = field(default_factory=dict)
    parameters: Callable[[int], Sequence[Any]] | None = None
    ordered: bool = True
    indexed: bool = False

    def text(self, dialect: str) -> str | None:
        """The SQL text in the dialect of this engine; None if it has no form of the query."""
        return self.dialects.get(dialect, self.sql)


@dataclass(frozen=True)
class Source:
    """A table to load: its Parquet file, its primary key, and the columns that the suite's queries mention.

    sorted_by: the columns that an engine sorts it by that is to run on sorted data; none where the suite names none.
    rollups: queries by name whose answers an engine stores that is to run with stored aggregations.
    parents: tables that columns refer to, by their keys, as ``{"l_orderkey": "orders"}``; they are loaded before it.
    workload: the texts that will be asked of it without parameters, for an engine that lays tables out for them.
    """

    path: Path
    key: tuple[str, ...]
    used: tuple[str, ...]
    sorted_by: tuple[str, ...] = ()
    rollups: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    workload: tuple[str, ...] = ()

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
    sorted_by: what each table is sorted by for the engines that run on sorted data: the columns that most of the
        queries filter by. A table that isn't named stays in the order of its file.
    rollups: queries by name, of each table, for the engines that store aggregations.
    parents: which tables the columns of each table refer to, for the engines that lay tables out for a workload.
    prepare: makes sure that the data exist at a scale and returns the Parquet file of each of the tables given.
    engines: the engines that run when none are named.
    default_scale: the scale where none is named.
    steps: engines in the order in which each takes up one more idea of the one before, for a suite that shows that.
    """

    name: str
    title: str
    queries: tuple[Query, ...]
    keys: Mapping[str, tuple[str, ...]]
    prepare: Callable[[float, Sequence[str]], Mapping[str, Path]]
    engines: tuple[str, ...]
    sorted_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rollups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    parents: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    default_scale: float = 1.0
    steps: tuple[str, ...] = ()

    def sources(self, scale: float) -> dict[str, Source]:
        """The tables that the queries read, parents first, generated where needed."""
        names = self._parents_first(sorted({table for query in self.queries for table in query.tables}))
        paths = self.prepare(scale, names)
        text = " ".join(query.sql for query in self.queries)
        words = set(re.findall(r"\w+", text))
        return {
            name: Source(
                path,
                key=self.keys[name],
                used=tuple(c for c in pq.read_schema(path).names if c in words),
                sorted_by=self.sorted_by.get(name, ()),
                rollups=self.rollups.get(name, {}),
                parents={column: parent for column, parent in self.parents.get(name, {}).items() if parent in names},
                workload=tuple(query.sql for query in self.queries if name in query.tables and not query.parameters),
            )
            for name, path in ((name, paths[name]) for name in names)
        }

    def _parents_first(self, names: Sequence[str]) -> list[str]:
        ordered: list[str] = []

        def add(name: str) -> None:
            for parent in self.parents.get(name, {}).values():
                if parent in names and parent != name:
                    add(parent)
            if name not in ordered:
                ordered.append(name)

        for name in names:
            add(name)
        return ordered
