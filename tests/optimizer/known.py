"""Small tables whose statistics are counted from their rows, for tests of the optimizer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import duckdb

from locality.plan.derived import Derived
from locality.plan.expressions import Expression, conjunction
from locality.plan.nodes import Scan
from locality.sql.planner import Planner
from locality.types import INTEGER
from tests.operators import naive
from tests.optimizer.plain import Plain

Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Counted(Plain):
    """The :class:`~locality.optimizer.statistics.Statistics` of ``tables``, all true.

    carried: for each table that has any the columns of parents, whose values its rows have behind their own.
    """

    tables: Mapping[str, Rows]
    carried: Mapping[str, Sequence[Derived]] = field(default_factory=dict)

    def rows(self, table: str) -> int:
        return len(self.tables[table])

    def distinct(self, table: str, column: int) -> int:
        return len({row[column] for row in self.tables[table]} - {None})

    def has_nulls(self, table: str, column: int) -> bool:
        return any(row[column] is None for row in self.tables[table])

    def is_raw(self, table: str, column: int) -> bool:
        return column == 1  # whatever it is, the rows must stay the same

    def unique_keys(self, table: str) -> Sequence[frozenset[int]]:
        rows = self.tables[table]
        width = len(rows[0]) if rows else 0
        sets = [frozenset(key) for size in (1, 2) for key in combinations(range(width), size)]
        return [key for key in sets if len({tuple(row[i] for i in sorted(key)) for row in rows}) == len(rows)]

    def derived(self, table: str, layout: str) -> Sequence[Derived]:
        return self.carried.get(table, ())

    def refers_to(self, table: str, columns: Sequence[int], parent: str, parents: Sequence[int]) -> bool:
        theirs = [tuple(row[i] for i in parents) for row in self.tables[parent]]
        mine = [tuple(row[i] for i in columns) for row in self.tables[table]]
        return all(None in key or theirs.count(key) == 1 for key in mine)

    def selectivity(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        rows = naive.evaluate(scan, self.tables)
        kept = [row for row in rows if naive.value(conjunction(conjuncts), row) is True]
        return len(kept) / max(len(rows), 1)


@contextlib.contextmanager
def tables_in_duckdb(tables: Mapping[str, Rows]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with these tables, of integer columns a, b and c."""
    with duckdb.connect(config={"threads": 2}) as connection:
        for name, rows in tables.items():
            connection.execute(f"create table {name} (a integer, b integer, c integer)")
            connection.executemany(f"insert into {name} values (?, ?, ?)", rows)
        yield connection


@contextlib.contextmanager
def planner_of(tables: Mapping[str, Rows]) -> Iterator[Planner]:
    """What plans queries over such tables."""
    planner = Planner()
    planner.sync({name: [(column, INTEGER) for column in "abc"] for name in tables})
    yield planner
    planner.close()
