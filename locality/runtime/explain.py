"""EXPLAIN: the operators of a query as text, and with ANALYZE what each of them moved."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from locality.operators.physical import Traffic
from locality.runtime.profile import Profile
from locality.runtime.query import PreparedQuery
from locality.runtime.result import Result
from locality.runtime.units import byte_size


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
        lines += ["", *_ledger(profile)]
    return Explained("\n".join(lines), profile)


def explain_fallback(reason: str, profile: Profile | None, parts: Iterable[str] = ()) -> Explained:
    """Why DuckDB answers a query, and which parts of it Locality runs."""
    lines = ["engine: duckdb", f"reason: {reason}", *(f"run by locality: {part}" for part in parts)]
    if profile is not None:
        lines.append(f"time: {profile.seconds * 1e3:.2f} ms, {profile.rows:,} rows")
    return Explained("\n".join(lines), profile, "duckdb", reason)


def _ledger(profile: Profile) -> list[str]:
    header = f"{'operator':<12}{'time':>11}{'rows':>13}{'read':>12}{'state':>12}{'written':>12}  zones read"
    total = f"{profile.seconds * 1e3:.2f} ms in all, of which planning {profile.planning_seconds * 1e3:.2f} ms"
    if profile.kernels_compiled:
        total += f", {profile.kernels_compiled} kernels compiled in {profile.compile_seconds * 1e3:.2f} ms"
    moved = (
        f"bytes moved {byte_size(profile.bytes_moved)}, minimum {byte_size(profile.bytes_minimum)}, "
        f"row at a time {byte_size(profile.bytes_naive)}"
    )
    share = f"{profile.share:.0%} of the machine's read bandwidth with {profile.threads} threads"
    columns = ", ".join(f"{column} {byte_size(nbytes)}" for column, nbytes in profile.touched.items())
    touched = [f"columns read: {columns}"] if columns else []
    return [header, *(_line(traffic) for traffic in profile.operators), "", total, moved, *touched, share]


def _line(traffic: Traffic) -> str:
    zones = f"{traffic.zones_read:,} of {traffic.zones_total:,}" if traffic.zones_total else "all"
    if traffic.zones_answered:
        zones += f", {traffic.zones_answered:,} answered by statistics"
    sizes = "".join(f"{byte_size(n):>12}" for n in (traffic.read, traffic.state, traffic.written))
    return f"{traffic.operator:<12}{traffic.seconds * 1e3:>8.2f} ms{traffic.rows:>13,}{sizes}  {zones}"
