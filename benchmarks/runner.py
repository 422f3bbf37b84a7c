"""Measures a suite: loads the engines, asks them in turn in several passes, and checks every answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .comparison import brief_difference
from .model import Query, Source
from .outcome import Outcome, Reply
from .record import Measurement, QueryRecord, RunRecord
from .reference import Reference
from .seat import Seat
from .stopping import Stopping
from .worker import Answered

_LOADING = 0.6
"""Share of a run's time that loading may take; engines that are not loaded by then are left out."""

Notify = Callable[[str, float], None]
"""Told what is being done and about how many seconds are left, for a progress display."""


class Runner:
    """Fills a run's record, which holds what there is at any moment, so that an interrupted run can be shown.

    The first pass asks each query of each engine twice, to compile and to warm up, and takes one hot sample. Each later
    pass takes one more of every query and engine that needs it, so that a noisy moment of the machine falls on all of
    them a little, not on one of them alone.
    """

    def __init__(
        self,
        record: RunRecord,
        queries: Sequence[Query],
        sources: Mapping[str, Source],
        seats: Sequence[Seat],
        stopping: Stopping,
        notify: Notify,
    ) -> None:
        self._record = record
        self._queries = queries
        self._sources = sources
        self._seats = seats
        self._stopping = stopping
        self._notify = notify
        self._reference = Reference(sources, record.threads)
        self._started = time.monotonic()
        self._runs: Counter[tuple[str, str]] = Counter()

    def run(self) -> None:
        """Load, then measure every query."""
        try:
            for seat in self._seats:
                self._record.loads.append(seat.record)
                seat.load(
                    lambda text: self._notify(text, self._left),
                    max(0.0, self._left - (1 - _LOADING) * self._stopping.time_limit),
                )
            self._record.complete = self._first_pass()
            while self._left > 0 and self._hot_pass():
                pass
            self._reopened_pass()
        finally:
            self._record.seconds = time.monotonic() - self._started
            self._reference.close()
            for seat in self._seats:
                seat.close()

    @property
    def _left(self) -> float:
        """Seconds until the time limit."""
        return self._stopping.time_limit - (time.monotonic() - self._started)

    def _first_pass(self) -> bool:
        """Whether every query was asked before the time was up."""
        for number, query in enumerate(self._queries, 1):
            if self._left < 0:
                return False
            record = QueryRecord(query.name, query.title, query.sql.strip(), query.tables)
            self._record.queries.append(record)
            for seat in self._seats:
                if seat.takes_part and seat.contestant.engine.answers(query):
                    place = f"query {number} of {len(self._queries)}, {query.name}"
                    self._notify(f"{place}: first run of {seat.contestant.name}", self._left)
                    self._first(seat, query, record)
            self._turn(query, record)
        return True

    def _hot_pass(self) -> bool:
        """One more run of what needs it; whether there was any."""
        asked = False
        for query, record in zip(self._queries, self._record.queries, strict=False):
            if self._left < 0:
                return False
            self._notify(f"hot runs, {query.name}", min(self._left, self._hot_seconds()))
            asked |= self._turn(query, record)
        return asked

    def _hot_seconds(self) -> float:
        """About how long all hot runs that are still wanted take."""
        return sum(
            self._stopping.remaining(measurement.samples)
            for query in self._record.queries
            for measurement in query.measurements.values()
        )

    def _reopened_pass(self) -> None:
        """The first run of each query in a new process of each engine that keeps its tables on disk."""
        for seat in self._seats:
            if seat.contestant.shares is not None or not seat.takes_part or not self._record.queries:
                continue
            self._notify(f"opening {seat.contestant.name} again", 0.0)
            if not seat.reopen():
                continue
            for query, record in zip(self._queries, self._record.queries, strict=False):
                measurement = record.measurements.get(seat.contestant.name)
                if measurement is None or not measurement.counts or not self._is_quick(measurement):
                    continue
                measurement.reopened_seconds = self._timed(seat, query, measurement)
            seat.close()

    def _is_quick(self, measurement: Measurement) -> bool:
        seconds = measurement.measured_median
        return seconds is not None and seconds < self._stopping.budget

    def _first(self, seat: Seat, query: Query, record: QueryRecord) -> None:
        """The first run, which may compile, and a second to warm up; if that is long, it is the only hot one."""
        extrapolation = seat.contestant.engine.extrapolation(query, self._sources)
        measurement = Measurement(seat.contestant.name, extrapolation=extrapolation)
        record.measurements[measurement.engine] = measurement
        measurement.first_seconds = self._timed(seat, query, measurement)
        if measurement.first_seconds is None:
            return
        second = self._timed(seat, query, measurement)
        if second is not None and second > self._stopping.patience:
            measurement.samples.append(second)

    def _turn(self, query: Query, record: QueryRecord) -> bool:
        """A hot run by each engine that needs one; whether any did."""
        asked = False
        for seat in self._seats:
            measurement = record.measurements.get(seat.contestant.name)
            if measurement is None or not self._wants_more(measurement):
                continue
            asked = True
            seconds = self._timed(seat, query, measurement)
            if seconds is not None:
                measurement.samples.append(seconds)
        return asked

    def _wants_more(self, measurement: Measurement) -> bool:
        is_fine = measurement.outcome in (Outcome.OK, Outcome.FALLBACK)
        return is_fine and self._stopping.wants_more(measurement.samples)

    def _timed(self, seat: Seat, query: Query, measurement: Measurement) -> float | None:
        """Seconds of one run; None if it failed or answered wrongly, as noted in the measurement."""
        number = self._runs[seat.contestant.name, query.name]
        self._runs[seat.contestant.name, query.name] += 1
        parameters = tuple(query.parameters(number)) if query.parameters else ()
        reply = seat.run(query, self._stopping.query_limit, parameters)
        measurement.peak_memory_bytes = max(measurement.peak_memory_bytes, seat.memory.resident)
        measurement.peak_private_bytes = max(measurement.peak_private_bytes, seat.memory.private)
        if reply.outcome is not Outcome.OK:
            measurement.outcome, measurement.message = reply.outcome, reply.message
            return None
        self._check(seat, query, parameters, reply, measurement)
        return None if measurement.outcome is Outcome.WRONG else reply.seconds

    def _check(
        self, seat: Seat, query: Query, parameters: tuple[Any, ...], reply: Reply, measurement: Measurement
    ) -> None:
        engine, answered = seat.contestant.engine, reply.value
        assert isinstance(answered, Answered)
        measurement.rows, measurement.ledger = answered.count, answered.ledger
        if answered.ledger is not None and answered.ledger.engine != engine.dialect():
            measurement.outcome = Outcome.FALLBACK
            measurement.message = f"answered by {answered.ledger.engine}: {answered.ledger.reason}"
        if answered.brief is None:  # that of the last run, which was compared
            return
        expected = self._reference.answer(query, engine.row_limit, parameters)
        found = brief_difference(expected, answered.brief, ordered=query.ordered, exact=engine.exact)
        if found is not None:
            measurement.outcome, measurement.message = Outcome.WRONG, found
