"""EXPLAIN: the operators of a query as text, and with ANALYZE what each of them moved."""

from __future__ import annotations

from dataclasses import dataclass

from locality.operators.physical import Traffic
from locality.runtime.profile import Profile
from locality.runtime.query import PreparedQuery
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


def explain_query(planned: PreparedQuery, profile: Profile | None) -> Explained:
    """The operators of a query that Locality answers."""
    lines = ["engine: locality", "", *planned.operator.explain().lines()]
    if profile is not None:
        lines += ["", *_ledger(profile)]
    return Explained("\n".join(lines), profile)


def explain_fallback(reason: str, profile: Profile | None) -> Explained:
    """Why DuckDB answers a query."""
    lines = ["engine: duckdb", f"reason: {reason}"]
    if profile is not None:
        lines.append(f"time: {profile.seconds * 1e3:.2f} ms, {profile.rows:,} rows")
    return Explained("\n".join(lines), profile, "duckdb", reason)


def _ledger(profile: Profile) -> list[str]:
    header = f"{'operator':<12}{'time':>11}{'rows':>13}{'read':>12}{'state':>12}{'written':>12}  zones read"
    total = f"{profile.seconds * 1e3:.2f} ms in all, of which planning {profile.planning_seconds * 1e3:.2f} ms"
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
    sizes = "".join(f"{byte_size(n):>12}" for n in (traffic.read, traffic.state, traffic.written))
    return f"{traffic.operator:<12}{traffic.seconds * 1e3:>8.2f} ms{traffic.rows:>13,}{sizes}  {zones}"
