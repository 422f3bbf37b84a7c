"""Runs a suite: loads the engines, times the queries in turn, and checks every answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from .comparison import difference
from .engines.base import Answer, Engine, TookTooLong
from .machine import describe
from .model import Query, Source, Suite
from .record import LoadRecord, Measurement, Outcome, QueryRecord, RunRecord
from .reference import Reference

Notify = Callable[[str], None]
"""Told what is being done, for a progress display."""


@dataclass(frozen=True)
class Stopping:
    """When an engine has run a query often enough; the first run and one warm-up come before and don't count.

    It goes on until ``min_runs`` are done and ``budget`` seconds are spent, at most ``max_runs`` times; and whatever
    takes longer than ``patience`` seconds in all stops before ``min_runs``.
    """

    min_runs: int = 3
    max_runs: int = 15
    budget: float = 1.0
    patience: float = 5.0

    def wants_more(self, samples: Sequence[float]) -> bool:
        """Whether to run again after these seconds."""
        spent = sum(samples)
        if len(samples) < self.min_runs:
            return not samples or spent < self.patience
        return len(samples) < self.max_runs and spent < self.budget

    def wants_warm_up(self, first_seconds: float) -> bool:
        """Whether the first run was short enough for a second that isn't counted."""
        return first_seconds < self.budget


class Runner:
    """One run of a suite; ``record`` holds what there is at any moment, so that an interrupted run can be shown."""

    def __init__(
        self,
        suite: Suite,
        scale: float,
        sources: Mapping[str, Source],
        engines: Sequence[Engine],
        stopping: Stopping,
        notify: Notify,
    ) -> None:
        threads = engines[0].threads
        self.record = RunRecord(
            suite=suite.name,
            scale=scale,
            threads=threads,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            settings=asdict(stopping),
            machine=describe(),
            source_bytes={name: source.path.stat().st_size for name, source in sources.items()},
        )
        self._suite = suite
        self._sources = sources
        self._engines = engines
        self._stopping = stopping
        self._notify = notify
        self._reference = Reference(sources, threads)

    def run(self, measure_bandwidth: Callable[[int], float] | None) -> None:
        """Load, measure the machine, then measure every query.

        measure_bandwidth: threads to bytes a second; None if no engine tells the bytes that it moves.
        """
        try:
            for engine in self._engines:
                self._load(engine)
            if measure_bandwidth is not None:
                self._notify("measuring read bandwidth")
                self.record.bandwidth = measure_bandwidth(self.record.threads)
            for number, query in enumerate(self._suite.queries, 1):
                self._measure(query, f"query {number} of {len(self._suite.queries)}, {query.name}")
            self.record.complete = True
        finally:
            self._reference.close()

    def _load(self, engine: Engine) -> None:
        record = LoadRecord(engine.name, engine.version(), engine.explain_configuration())
        for name, source in self._sources.items():
            self._notify(f"loading {name} into {engine.name}")
            started = time.perf_counter()
            engine.load_table(name, source)
            record.seconds[name] = time.perf_counter() - started
            record.rows[name] = min(source.rows, engine.row_limit or source.rows)
        started = time.perf_counter()
        engine.finish_loading()
        record.seconds["(finish)"] = time.perf_counter() - started
        record.stored_bytes = engine.stored_bytes()
        self.record.loads.append(record)

    def _measure(self, query: Query, place: str) -> None:
        record = QueryRecord(query.name, query.title, query.sql.strip(), query.tables)
        self.record.queries.append(record)
        running: list[Engine] = []
        for engine in (engine for engine in self._engines if engine.answers(query)):
            self._notify(f"{place}: first run of {engine.name}")
            extrapolation = engine.extrapolation(query, self._sources)
            measurement = Measurement(engine.name, extrapolation=extrapolation)
            record.measurements[engine.name] = measurement
            if self._first(engine, query, measurement):
                running.append(engine)
        self._notify(f"{place}: {', '.join(engine.name for engine in running)} in turn")
        while running:
            running = [engine for engine in running if self._again(engine, query, record.measurements[engine.name])]

    def _first(self, engine: Engine, query: Query, measurement: Measurement) -> bool:
        """The first run and the warm-up; whether hot runs should follow."""
        measurement.first_seconds = self._timed(engine, query, measurement)
        if measurement.first_seconds is None:
            return False
        if self._stopping.wants_warm_up(measurement.first_seconds):
            return self._timed(engine, query, measurement) is not None
        return True

    def _again(self, engine: Engine, query: Query, measurement: Measurement) -> bool:
        """One hot run; whether to go on."""
        seconds = self._timed(engine, query, measurement)
        if seconds is None:
            return False
        measurement.samples.append(seconds)
        return self._stopping.wants_more(measurement.samples)

    def _timed(self, engine: Engine, query: Query, measurement: Measurement) -> float | None:
        """Seconds of one run up to the last row; None if it failed or answered wrongly, as noted in the measurement."""
        started = time.perf_counter()
        try:
            answer = engine.run(query)
        except TookTooLong:
            measurement.outcome = Outcome.TOO_LONG
            measurement.message = f"no answer within {engine.time_limit:g} s"
            return None
        except Exception as error:  # noqa: BLE001 (whatever an engine raises is an outcome of the benchmark, and shown)
            measurement.outcome = Outcome.ERROR
            measurement.message = f"{type(error).__name__}: {error}".splitlines()[0]
            return None
        seconds = time.perf_counter() - started
        self._check(engine, query, answer, measurement)
        return None if measurement.outcome is Outcome.WRONG else seconds

    def _check(self, engine: Engine, query: Query, answer: Answer, measurement: Measurement) -> None:
        measurement.rows = len(answer.rows)
        measurement.ledger = answer.ledger
        expected = self._reference.answer(query, engine.row_limit)
        found = difference(expected, answer.rows, ordered=query.ordered, exact=engine.exact)
        if found is not None:
            measurement.outcome, measurement.message = Outcome.WRONG, found
        elif answer.ledger is not None and answer.ledger.engine != engine.name:
            measurement.outcome = Outcome.FALLBACK
            measurement.message = f"answered by {answer.ledger.engine}: {answer.ledger.reason}"
