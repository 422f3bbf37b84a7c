"""Engines that misbehave in chosen ways, and a suite of two small queries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from locality._suites.benchmarks.engines import Answer, Engine, Ledger
from locality._suites.benchmarks.engines.base import TookTooLong
from locality._suites.benchmarks.engines.duckdb import DuckDBEngine
from locality._suites.benchmarks.model import Query
from locality._suites.benchmarks.suites import SUITES

_ALL = {query.name: query for suite in SUITES.values() for query in suite.queries}
SUITE = replace(SUITES["tpch"], queries=(_ALL["q06"], _ALL["brass_catalogue"]))


class Ours(DuckDBEngine):
    """Answers rightly and keeps a ledger, in the place of Locality."""

    name: ClassVar[str] = "locality"
    answered_by: ClassVar[str] = "locality"

    def run(self, query: Query) -> Answer:
        ledger = Ledger(
            engine=self.answered_by,
            reason=None if self.answered_by == "locality" else "window functions",
            bytes_moved=3000,
            bytes_minimum=2000,
            bytes_naive=90_000,
        )
        return Answer(super().run(query).rows, ledger)


class Slow(Ours):
    """Gives every query up."""

    time_limit: ClassVar[float | None] = 7.0

    def run(self, query: Query) -> Answer:
        raise TookTooLong


class Picky(Ours):
    """Has a form of one query only."""

    def answers(self, query: Query) -> bool:
        return query.name == "q06"


class FallsBack(Ours):
    """Has DuckDB answer."""

    answered_by: ClassVar[str] = "duckdb"


class Wrong(Ours):
    """Changes one value of the answer's last row."""

    def run(self, query: Query) -> Answer:
        answer = super().run(query)
        last = answer.rows[-1]
        return replace(answer, rows=[*answer.rows[:-1], (*last[:-1], last[-1] + 1)])


class WrongLater(Wrong):
    """Right at first, wrong from the third run on, as a race would be."""

    def __init__(self, threads: int, directory: Path) -> None:
        super().__init__(threads, directory)
        self._runs = 0

    def run(self, query: Query) -> Answer:
        self._runs += 1
        return super().run(query) if self._runs > 2 else Ours.run(self, query)


class Fails(Ours):
    """Raises on every query."""

    def run(self, query: Query) -> Answer:
        raise RuntimeError(f"no way to run {query.name}\nwith details")


class Interrupted(Ours):
    """Ctrl-C comes at the second query."""

    def run(self, query: Query) -> Answer:
        if query.name != "q06":
            raise KeyboardInterrupt
        return super().run(query)


class Sampled(DuckDBEngine):
    """Named like the naive engine, with a small row limit."""

    name: ClassVar[str] = "naive"
    row_limit: ClassVar[int | None] = 6000

    def run(self, query: Query) -> Answer:
        limited = query.sql.replace("from lineitem", f"from (from lineitem limit {self.row_limit})")
        return Answer(self._connection.execute(limited).fetchall())


def all_of(*engines: type[Engine]) -> dict[str, type[Engine]]:
    """A registry of these engines by name."""
    return {engine.name: engine for engine in engines}
