"""What a run leaves behind: plain records that become the JSON of ``--json`` (see docs/benchmarks.md)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any

from .engines.base import Extrapolation, Ledger

SCHEMA_VERSION = 2


class Outcome(StrEnum):
    """How an engine did on a query."""

    OK = "ok"
    WRONG = "wrong"  # the answer differs from the reference
    FALLBACK = "fallback"  # Locality had DuckDB answer
    TOO_LONG = "too long"  # given up at the engine's time limit
    ERROR = "error"


@dataclass
class Measurement:
    """One engine on one query.

    first_seconds: the first run, with compilation and cold caches. samples: the runs after it, in order, in seconds.
    Both are as measured, not extrapolated. message: what differed or failed. rows: rows of the answer.
    """

    engine: str
    outcome: Outcome = Outcome.OK
    message: str | None = None
    rows: int | None = None
    first_seconds: float | None = None
    samples: list[float] = field(default_factory=list)
    extrapolation: Extrapolation | None = None
    ledger: Ledger | None = None

    @property
    def measured_median(self) -> float | None:
        """Median of the hot samples in seconds, as measured; None if there are none."""
        return median(self.samples) if self.samples else None

    @property
    def seconds(self) -> float | None:
        """The median, extrapolated to all rows where only some were loaded; None without samples."""
        found = self.measured_median
        return None if found is None else found * (self.extrapolation.factor if self.extrapolation else 1.0)

    @property
    def counts(self) -> bool:
        """Whether its time may be compared: a wrong answer or a failure has none."""
        return self.seconds is not None and self.outcome in (Outcome.OK, Outcome.FALLBACK)


@dataclass
class QueryRecord:
    """All engines on one query."""

    name: str
    title: str
    sql: str
    tables: tuple[str, ...]
    measurements: dict[str, Measurement] = field(default_factory=dict)

    def ratio(self, peer: str, engine: str = "locality") -> float | None:
        """The peer's time over the engine's: above 1 the engine is faster. None if either has no time."""
        ours, theirs = self.measurements.get(engine), self.measurements.get(peer)
        if ours is None or theirs is None or not (ours.counts and theirs.counts):
            return None
        assert ours.seconds is not None
        assert theirs.seconds is not None
        return theirs.seconds / ours.seconds


@dataclass
class LoadRecord:
    """Loading one engine: seconds and rows by table, and bytes stored (None where the engine can't tell)."""

    engine: str
    version: str
    configuration: str
    seconds: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    stored_bytes: int | None = None


@dataclass
class RunRecord:
    """One run of a suite. bandwidth: the machine's measured read bandwidth with these threads, bytes a second."""

    suite: str
    scale: float
    threads: int
    started: str
    settings: dict[str, Any]
    machine: dict[str, Any]
    source_bytes: dict[str, int]
    bandwidth: float | None = None
    complete: bool = False
    loads: list[LoadRecord] = field(default_factory=list)
    queries: list[QueryRecord] = field(default_factory=list)

    @property
    def engines(self) -> list[str]:
        """Names of the engines that were loaded, in order."""
        return [load.engine for load in self.loads]

    def problems(self) -> list[str]:
        """A line for each answer that was wrong or failed."""
        return self._lines(Outcome.WRONG, Outcome.ERROR)

    def remarks(self) -> list[str]:
        """A line for each answer that wasn't Locality's own, and for each that an engine gave up."""
        return self._lines(Outcome.FALLBACK, Outcome.TOO_LONG)

    def _lines(self, *outcomes: Outcome) -> list[str]:
        return [
            f"{query.name}, {measurement.engine}: {measurement.outcome.value}: {measurement.message}"
            for query in self.queries
            for measurement in query.measurements.values()
            if measurement.outcome in outcomes
        ]

    def bandwidth_share(self, measurement: Measurement) -> float | None:
        """Bytes moved a second over the machine's read bandwidth; None without a ledger, a time or a bandwidth."""
        if measurement.ledger is None or not measurement.seconds or not self.bandwidth:
            return None
        return measurement.ledger.bytes_moved / measurement.seconds / self.bandwidth

    def geomean(self, peer: str) -> float | None:
        """Geometric mean of the ratios to a peer over the queries that both answered."""
        return geometric_mean([r for query in self.queries if (r := query.ratio(peer)) is not None])

    def to_json(self) -> dict[str, Any]:
        """The documented form: plain dictionaries, with the derived figures beside the samples."""
        found = asdict(self)
        for query, plain in zip(self.queries, found["queries"], strict=True):
            plain["ratios"] = {peer: query.ratio(peer) for peer in self.engines if peer != "locality"}
            for name, measurement in query.measurements.items():
                plain["measurements"][name] |= {
                    "median_seconds": measurement.seconds,
                    "bandwidth_share": self.bandwidth_share(measurement),
                }
        derived = {
            "geomean_ratios": {peer: self.geomean(peer) for peer in self.engines if peer != "locality"},
            "problems": self.problems(),
            "remarks": self.remarks(),
        }
        return {"schema_version": SCHEMA_VERSION, **found, **derived}

    def write_json(self, path: Path) -> None:
        """Write the JSON whole or not at all."""
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")
        partial.replace(path)


def geometric_mean(values: Sequence[float]) -> float | None:
    """The geometric mean of positive values; None if there are none."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None
