"""What the workload log tells: which queries were asked, what they took, and what they took since the last optimize."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from locality.advisor.logfile import Log
from locality.advisor.shapes import LoggedShape
from locality.advisor.tables import printed, shortened, some
from locality.advisor.workload import Measurement, WorkloadQuery
from locality.units import byte_size

_SHOWN = 100
#: The share of the time that queries without a prediction take from which on it is said.
_DRIFT = 0.3


@dataclass(frozen=True)
class LoggedWorkload:
    """The log of a store; prints as a table. shapes: those that took the most time lately first.

    epoch: the version that the store was at after the last optimize.
    """

    shapes: tuple[LoggedShape, ...]
    epoch: int = 0

    def queries(self) -> list[WorkloadQuery]:
        """The examples as a workload, each as often as its shape is asked lately, shared among them."""
        now = time.time()
        return [
            WorkloadQuery(
                f"#{number}" if len(shape.examples) == 1 else f"#{number}.{place}",
                example.sql,
                example.params,
                max(shape.weight(now) / len(shape.examples), 1e-6),
                Measurement(example.bytes, example.seconds, example.touched)
                if shape.engine == "locality" and example.version >= self.epoch
                else None,
            )
            for number, shape in enumerate(self.shapes, 1)
            if shape.tables
            for place, example in enumerate(shape.examples, 1)
        ]

    @property
    def drift(self) -> float:
        """The share of the time since the last optimize that went to queries which it made no prediction for.

        0 if none did, or nothing was asked since.
        """
        known = sum(shape.since.seconds for shape in self.shapes if shape.predicted is not None)
        new = sum(shape.since.seconds for shape in self.shapes if shape.predicted is None)
        return new / (known + new) if self._is_compared and known + new > 0 else 0.0

    @property
    def summary(self) -> str:
        """What the last optimize was to save and what it saved, in a sentence; empty if there is nothing to compare."""
        compared = [s for s in self.shapes if s.predicted is not None and s.since.count and s.before.count]
        if not compared:
            return ""
        count = sum(shape.since.count for shape in compared)
        before, predicted, measured = (
            byte_size(sum(shape.since.count * of(shape) for shape in compared) / count)
            for of in (_before, _predicted, _measured)
        )
        text = f"since the last optimize a query moved {measured}, predicted {predicted}, before {before}"
        return f"{text}; {self.drifted}: advise anew" if self.drifted else text

    @property
    def drifted(self) -> str:
        """What says that other queries are asked than the last optimize was for; empty if that holds for few."""
        new = [f"#{number}" for number, s in enumerate(self.shapes, 1) if s.predicted is None and s.since.count]
        if self.drift <= _DRIFT:
            return ""
        return f"{self.drift:.0%} of the time went to queries that it did not know, {some(new)}"

    @property
    def _is_compared(self) -> bool:
        return any(shape.predicted is not None for shape in self.shapes)

    def to_dict(self) -> dict[str, Any]:
        """The log as JSON values."""
        return {"shapes": [shape.to_json() for shape in self.shapes]}

    def __str__(self) -> str:
        if not self.shapes:
            return "the workload log is empty"
        compared = self._is_compared
        header = ["", "query", "runs", "time", "a run", "bytes a run"]
        header += ["before", "predicted", "measured"] if compared else []
        rows = [_row(number, shape, compared) for number, shape in enumerate(self.shapes[:_SHOWN], 1)]
        text = printed("asked", header, rows)
        if len(self.shapes) > _SHOWN:
            text += f"\n{len(self.shapes) - _SHOWN:,} more"
        return f"{text}\n\n{self.summary}" if self.summary else text

    __repr__ = __str__


def logged_workload(log: Log) -> LoggedWorkload:
    """What a log holds, for people."""
    now = time.time()
    ordered = sorted(log.shapes.values(), key=lambda each: -each.runs.mean_seconds * each.weight(now))
    return LoggedWorkload(tuple(ordered), log.epoch)


def _row(number: int, shape: LoggedShape, compared: bool) -> list[str]:
    runs = shape.runs
    moved = byte_size(runs.mean_bytes) if shape.engine == "locality" else shape.engine
    row = [f"#{number}", shortened(shape.text), f"{runs.count:,}", _seconds(runs.seconds), _seconds(runs.mean_seconds)]
    row.append(moved)
    if compared:
        row.append(byte_size(shape.before.mean_bytes) if shape.before.count else "")
        row.append("" if shape.predicted is None else byte_size(shape.predicted))
        row.append(byte_size(shape.since.mean_bytes) if shape.since.count else "")
    return row


def _before(shape: LoggedShape) -> float:
    return shape.before.mean_bytes


def _predicted(shape: LoggedShape) -> float:
    return shape.predicted or 0.0


def _measured(shape: LoggedShape) -> float:
    return shape.since.mean_bytes


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
