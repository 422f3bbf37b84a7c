"""Times by query and engine as tables: hot runs with their spread, first runs, and what became of each query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..units import milliseconds
from .run import Run, display_name

_OUTCOMES = {
    "wrong": "wrong answer",
    "too long": "too long",
    "out of memory": "out of memory",
    "error": "failed",
    "unsupported": "not supported",
}


@dataclass(frozen=True)
class Cell:
    """text: a time or an outcome. note: more about it, for those who point at it. kind: a class of the style sheet."""

    text: str
    note: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Timings:
    """A column an engine, a row a query."""

    engines: list[str]
    rows: list[tuple[str, str, list[Cell]]]


def hot_timings(run: Run) -> Timings:
    """Medians of the hot runs; the fastest of each query is marked."""
    return _timings(run, _hot_cells)


def first_timings(run: Run) -> Timings:
    """The first run of each query."""
    return _timings(run, lambda run, query: [_first_cell(query["measurements"].get(engine)) for engine in run.engines])


def _timings(run: Run, cells: Any) -> Timings:
    rows = [(query["name"], query["title"], cells(run, query)) for query in run.queries]
    return Timings([display_name(engine) for engine in run.engines], rows)


def _hot_cells(run: Run, query: dict[str, Any]) -> list[Cell]:
    times = {engine: seconds for engine in run.engines if (seconds := run.seconds(query, engine)) is not None}
    best = min(times.values(), default=None)
    return [_hot_cell(run, query, engine, best) for engine in run.engines]


def _hot_cell(run: Run, query: dict[str, Any], engine: str, best: float | None) -> Cell:
    seconds = run.seconds(query, engine)
    if seconds is None:
        return _outcome(query["measurements"].get(engine))
    found = query["measurements"][engine]
    notes = [f"{len(found['samples'])} runs"]
    spread = run.spread(query, engine)
    if spread is not None:
        notes.append(f"the middle half from {milliseconds(spread[0])} to {milliseconds(spread[1])} ms")
    if found["extrapolation"]:
        notes.append(f"extrapolated from {found['extrapolation']['measured_rows']:,} rows")
    if found["outcome"] == "fallback":
        notes.append("answered by DuckDB")
    mark = "~" if found["extrapolation"] else ""
    star = "*" if found["outcome"] == "fallback" else ""
    return Cell(f"{mark}{milliseconds(seconds)}{star}", ", ".join(notes), "best" if seconds == best else "")


def _first_cell(found: dict[str, Any] | None) -> Cell:
    if found is None or found["first_seconds"] is None:
        return _outcome(found)
    return Cell(milliseconds(found["first_seconds"]))


def _outcome(found: dict[str, Any] | None) -> Cell:
    if found is None or found["outcome"] in ("ok", "fallback"):
        return Cell("-")
    outcome = found["outcome"]
    return Cell(_OUTCOMES.get(outcome, outcome), found["message"] or "", "failed")
