"""EXPLAIN: the operators of a query as text, and with ANALYZE what each of them moved."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from locality.runtime.profile import Profile
from locality.runtime.query import PreparedQuery
from locality.runtime.result import Result
from locality.units import duration, quantity


@dataclass(frozen=True)
class Explained:
    """A plan for people: ``str()`` gives the text.

    engine: who answers the query. reason: why it isn't Locality. profile: the run's, with ANALYZE.
    """

    text: str
    profile: Profile | None = None
    engine: str = "locality"
    reason: str = ""

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


@dataclass(frozen=True)
class Request:
    """EXPLAIN as a statement of SQL: the query that it is about, and whether it says ANALYZE."""

    query: str
    analyze: bool

    def result(self, explained: Explained) -> Result:
        """The answer, under the names that DuckDB's has."""
        key = "analyzed_plan" if self.analyze else "physical_plan"
        table = pa.table([pa.array([key]), pa.array([str(explained)])], names=["c0", "c1"])
        profile = explained.profile or Profile(engine="locality", rows=1)
        return Result(table, ("explain_key", "explain_value"), ("VARCHAR", "VARCHAR"), profile)


def requested(sql: str) -> Request | None:
    """What a statement that begins with EXPLAIN asks; None for others, and for options in parentheses."""
    found = _EXPLAIN.match(sql)
    return None if found is None else Request(found["query"], found["analyze"] is not None)


_EXPLAIN = re.compile(r"\s*explain\s+(?P<analyze>analyze\s+)?(?P<query>[^\s(].*)", re.IGNORECASE | re.DOTALL)


def explain_query(planned: PreparedQuery, profile: Profile | None) -> Explained:
    """The operators of a query that Locality answers."""
    carried = (f"{column} carried in {table}" for table, column in planned.carried)
    lines = ["engine: locality", *carried, "", *planned.explained().lines()]
    if profile is not None:
        share = f"{profile.share:.0%} of the machine's read bandwidth with {quantity(profile.threads, 'thread')}"
        lines += ["", *profile.ledger(), share]
    return Explained("\n".join(lines), profile)


def explain_fallback(reason: str, profile: Profile | None, parts: Iterable[str] = ()) -> Explained:
    """Why DuckDB answers a query, and which parts of it Locality runs."""
    lines = ["engine: duckdb", f"reason: {reason}", *(f"run by locality: {part}" for part in parts)]
    if profile is not None:
        lines.append(f"time: {duration(profile.seconds)}, {quantity(profile.rows, 'row')}")
    return Explained("\n".join(lines), profile, "duckdb", reason)
