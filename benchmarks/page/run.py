"""One run as its JSON has it (see docs/benchmarks.md), with the questions that the page asks of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import quantiles
from typing import Any

from ..estimates import geometric_mean

OURS = "locality"

_NAMES = {
    "locality": "Locality",
    "locality_advised": "Locality, advised",
    "locality_clustered": "Locality, sorted",
    "locality_rollups": "Locality, rollups",
    "duckdb": "DuckDB",
    "duckdb_sorted": "DuckDB, sorted",
    "polars": "Polars",
    "datafusion": "DataFusion",
    "chdb": "chDB",
    "hyper": "Hyper",
    "pandas": "pandas",
    "sqlite": "SQLite",
    "postgres": "PostgreSQL",
    "naive": "Python rows",
    "objects": "Python objects",
    "numba_rows": "compiled, rows",
    "numba_columns": "compiled, columns",
    "numba_narrow": "compiled, narrow",
}

Plain = dict[str, Any]


def display_name(engine: str) -> str:
    """What people call an engine."""
    return _NAMES.get(engine, engine)


@dataclass(frozen=True)
class Run:
    """The JSON of one run."""

    record: Plain

    @cached_property
    def engines(self) -> list[str]:
        """Names of the engines that were loaded, in order."""
        return [load["engine"] for load in self.record["loads"]]

    @property
    def peers(self) -> list[str]:
        """The engines beside Locality."""
        return [engine for engine in self.engines if engine != OURS]

    @property
    def queries(self) -> Sequence[Plain]:
        found: list[Plain] = self.record["queries"]
        return found

    def number(self, engine: str) -> int:
        """The engine's place among the engines, which its colour goes by."""
        return self.engines.index(engine)

    def seconds(self, query: Plain, engine: str) -> float | None:
        """Median of the hot runs, extrapolated where rows were left out; None for what gave no right answer."""
        found = query["measurements"].get(engine)
        if found is None or found["outcome"] not in ("ok", "fallback"):
            return None
        seconds: float | None = found["median_seconds"]
        return seconds

    def spread(self, query: Plain, engine: str) -> tuple[float, float] | None:
        """First and third quartile of the hot runs in seconds, extrapolated as the median; None for fewer than 3."""
        found = query["measurements"][engine]
        if len(found["samples"]) < 3:
            return None
        factor = found["extrapolation"]["factor"] if found["extrapolation"] else 1.0
        low, _, high = quantiles(found["samples"], n=4, method="inclusive")
        return low * factor, high * factor

    def ratio(self, query: Plain, peer: str) -> float | None:
        """The peer's time over Locality's: above 1 Locality is faster."""
        ours, theirs = self.seconds(query, OURS), self.seconds(query, peer)
        return None if not ours or theirs is None else theirs / ours

    def ratios(self, peer: str) -> list[float]:
        """Of all queries that both answered."""
        return [ratio for query in self.queries if (ratio := self.ratio(query, peer)) is not None]

    def geomean(self, engine: str) -> float | None:
        """Geometric mean of an engine's times in seconds, over the queries that every engine of the run answered."""
        common = [q for q in self.queries if all(self.seconds(q, other) is not None for other in self.engines)]
        return geometric_mean([seconds for q in common if (seconds := self.seconds(q, engine))])
