"""What the workload log tells: which queries were asked, what they took, and what they took since the last optimize."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from locality.advisor.logfile import Log
from locality.advisor.shapes import LoggedShape
from locality.advisor.tables import printed
from locality.advisor.workload import WorkloadQuery
from locality.runtime.units import byte_size

_SHOWN = 100


@dataclass(frozen=True)
class LoggedWorkload:
    """The log of a store; prints as a table. shapes: those that took the most time lately first."""

    shapes: tuple[LoggedShape, ...]

    def queries(self) -> list[WorkloadQuery]:
        """The examples as a workload, each as often as its shape is asked lately, shared among them."""
        now = time.time()
        return [
            WorkloadQuery(
                f"#{number}" if len(shape.examples) == 1 else f"#{number}.{place}",
                example.sql,
                example.params,
                max(shape.weight(now) / len(shape.examples), 1e-6),
            )
            for number, shape in enumerate(self.shapes, 1)
            if shape.tables
            for place, example in enumerate(shape.examples, 1)
        ]

    def to_dict(self) -> dict[str, Any]:
        """The log as JSON values."""
        return {"shapes": [shape.to_json() for shape in self.shapes]}

    def __str__(self) -> str:
        if not self.shapes:
            return "the workload log is empty"
        compared = any(shape.predicted is not None for shape in self.shapes)
        header = ["", "query", "runs", "time", "a run", "bytes a run"]
        header += ["before", "predicted", "measured"] if compared else []
        rows = [_row(number, shape, compared) for number, shape in enumerate(self.shapes[:_SHOWN], 1)]
        text = printed("asked", header, rows)
        if len(self.shapes) > _SHOWN:
            text += f"\n{len(self.shapes) - _SHOWN:,} more"
        return text


def logged_workload(log: Log) -> LoggedWorkload:
    """What a log holds, for people."""
    now = time.time()
    ordered = sorted(log.shapes.values(), key=lambda each: -each.runs.mean_seconds * each.weight(now))
    return LoggedWorkload(tuple(ordered))


def _row(number: int, shape: LoggedShape, compared: bool) -> list[str]:
    runs = shape.runs
    moved = byte_size(runs.mean_bytes) if shape.engine == "locality" else shape.engine
    row = [f"#{number}", _shortened(shape.text), f"{runs.count:,}", _seconds(runs.seconds), _seconds(runs.mean_seconds)]
    row.append(moved)
    if compared:
        row.append(byte_size(shape.before.mean_bytes) if shape.before.count else "")
        row.append("" if shape.predicted is None else byte_size(shape.predicted))
        row.append(byte_size(shape.since.mean_bytes) if shape.since.count else "")
    return row


def _shortened(text: str, width: int = 60) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
