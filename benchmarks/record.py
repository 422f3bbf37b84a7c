"""What a benchmark leaves behind: plain records that become the JSON of ``--json`` (docs/benchmarks/schema.json)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from .engines.base import Extrapolation, Ledger
from .estimates import geometric_mean, median_interval
from .outcome import Outcome
from .roofline import Point

SCHEMA_VERSION = 3

BASELINE = "locality"
"""The engine that the others are compared with, unless a run says otherwise."""


@dataclass
class Measurement:
    """One engine on one query; times in seconds, as measured, not extrapolated.

    first_seconds: the first run of all, with everything to compile. reopened_seconds: the first run in a new process
    that opened what was stored. samples: the hot runs, in order. message: what differed or failed. rows: of the answer.
    peak_memory_bytes: resident memory at most while the query ran, with mapped files; peak_private_bytes: without them.
    """

    engine: str
    outcome: Outcome = Outcome.OK
    message: str | None = None
    rows: int | None = None
    first_seconds: float | None = None
    reopened_seconds: float | None = None
    samples: list[float] = field(default_factory=list)
    peak_memory_bytes: int = 0
    peak_private_bytes: int = 0
    extrapolation: Extrapolation | None = None
    ledger: Ledger | None = None

    @property
    def measured_median(self) -> float | None:
        """Median of the hot samples in seconds, as measured; None if there are none."""
        return median(self.samples) if self.samples else None

    @property
    def factor(self) -> float:
        """What times are multiplied by to stand for all rows."""
        return self.extrapolation.factor if self.extrapolation else 1.0

    @property
    def seconds(self) -> float | None:
        """The median, extrapolated to all rows where only some were loaded; None without samples."""
        found = self.measured_median
        return None if found is None else found * self.factor

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95% confidence interval of ``seconds``; None without samples."""
        found = median_interval(self.samples)
        return None if found is None else (found[0] * self.factor, found[1] * self.factor)

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

    def ratio(self, peer: str, baseline: str = BASELINE) -> float | None:
        """The peer's time over the baseline's: above 1 the baseline is faster. None if either has no time."""
        ours, theirs = self.measurements.get(baseline), self.measurements.get(peer)
        if ours is None or theirs is None or not (ours.counts and theirs.counts):
            return None
        assert ours.seconds is not None
        assert theirs.seconds is not None
        return theirs.seconds / ours.seconds


@dataclass
class LoadRecord:
    """Loading one engine: seconds and rows by table, and bytes stored (None where the engine can't tell).

    start_seconds: from nothing to an empty engine, its process and imports; reopen_seconds: from nothing to one that
    has opened what was stored, None where that wasn't tried. keeps: ``disk`` or ``memory``, where the tables are.
    """

    engine: str
    version: str
    configuration: str
    keeps: str
    outcome: Outcome = Outcome.OK
    message: str | None = None
    start_seconds: float = 0.0
    reopen_seconds: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    stored_bytes: int | None = None
    peak_memory_bytes: int = 0
    peak_private_bytes: int = 0


@dataclass
class RunRecord:
    """A suite at one scale with one number of threads.

    busy_share: of the processor, by others before the run began, 0 to 1.
    settings: when runs stop, in seconds and counts. bandwidth: measured read bandwidth with these threads, bytes a
    second. complete: False after Ctrl-C, or where the time limit came before every query was asked.
    """

    scale: float
    threads: int
    started: str
    settings: dict[str, Any]
    source_bytes: dict[str, int]
    baseline: str = BASELINE
    bandwidth: float | None = None
    busy_share: float = 0.0
    seconds: float = 0.0
    complete: bool = False
    loads: list[LoadRecord] = field(default_factory=list)
    queries: list[QueryRecord] = field(default_factory=list)

    @property
    def engines(self) -> list[str]:
        """Names of the engines that took part, in order."""
        return [load.engine for load in self.loads]

    @property
    def peers(self) -> list[str]:
        """The engines that the baseline is compared with."""
        return [engine for engine in self.engines if engine != self.baseline]

    def engine_seconds(self, engine: str) -> dict[str, float]:
        """The engine's times that count, by query."""
        found = {query.name: query.measurements.get(engine) for query in self.queries}
        return {name: each.seconds for name, each in found.items() if each and each.counts and each.seconds}

    def problems(self) -> list[str]:
        """A line for each answer that was wrong or failed, and each engine that could not be loaded."""
        return self._lines(problems=True)

    @property
    def failed(self) -> bool:
        """Whether the baseline answered wrongly or failed. What another engine can't do is told, and no failure."""
        found: list[LoadRecord | Measurement] = [load for load in self.loads if load.engine == self.baseline]
        found += [query.measurements[self.baseline] for query in self.queries if self.baseline in query.measurements]
        return any(each.outcome.is_problem for each in found)

    def remarks(self) -> list[str]:
        """A line for each answer that wasn't Locality's own, or that an engine could not give or gave up."""
        return self._lines(problems=False)

    def _lines(self, *, problems: bool) -> list[str]:
        found: list[tuple[str, LoadRecord | Measurement]] = [("loading", load) for load in self.loads]
        found += [(query.name, each) for query in self.queries for each in query.measurements.values()]
        return [
            f"{place}, {each.engine}: {each.outcome.value}" + (f": {each.message}" if each.message else "")
            for place, each in found
            if each.outcome is not Outcome.OK and each.outcome.is_problem == problems
        ]

    def bandwidth_share(self, measurement: Measurement) -> float | None:
        """Bytes moved a second over the machine's read bandwidth; None without a ledger, a time or a bandwidth."""
        if measurement.ledger is None or not measurement.seconds or not self.bandwidth:
            return None
        return measurement.ledger.bytes_moved / measurement.seconds / self.bandwidth

    def geomean(self, peer: str) -> float | None:
        """Geometric mean of the ratios to a peer over the queries that both answered."""
        return geometric_mean([r for query in self.queries if (r := query.ratio(peer, self.baseline)) is not None])

    def to_json(self) -> dict[str, Any]:
        """The documented form: plain dictionaries, with the derived figures beside the samples."""
        found = asdict(self)
        for query, plain in zip(self.queries, found["queries"], strict=True):
            plain["ratios"] = {peer: query.ratio(peer, self.baseline) for peer in self.peers}
            for name, measurement in query.measurements.items():
                plain["measurements"][name] |= {
                    "median_seconds": measurement.seconds,
                    "interval_seconds": measurement.interval,
                    "bandwidth_share": self.bandwidth_share(measurement),
                }
        derived = {
            "geomean_ratios": {peer: self.geomean(peer) for peer in self.peers},
            "problems": self.problems(),
            "remarks": self.remarks(),
        }
        return {**found, **derived}


@dataclass
class Record:
    """A suite's runs, one for each scale and number of threads.

    steps: the suite's. commit: of a clone, with ``+`` if it was changed. roofline: what the machine can do; empty if no
    engine tells the bytes that it moves.
    """

    suite: str
    title: str
    machine: dict[str, Any]
    steps: tuple[str, ...] = ()
    commit: str | None = None
    roofline: list[Point] = field(default_factory=list)
    runs: list[RunRecord] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every run came to its end."""
        return all(run.complete for run in self.runs)

    def to_json(self) -> dict[str, Any]:
        """The documented form."""
        return {
            "schema_version": SCHEMA_VERSION,
            "suite": self.suite,
            "title": self.title,
            "machine": self.machine,
            "commit": self.commit,
            "steps": self.steps,
            "roofline": [asdict(point) for point in self.roofline],
            "complete": self.complete,
            "runs": [run.to_json() for run in self.runs],
        }

    def write_json(self, path: Path) -> None:
        """Write the JSON whole or not at all."""
        write_whole(path, json.dumps(self.to_json(), indent=1) + "\n")


def flat_runs(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs of a record's JSON, each with what the record says of all of them."""
    shared = {key: value for key, value in record.items() if key != "runs"}
    return [shared | run for run in record["runs"]]


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
