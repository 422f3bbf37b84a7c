"""Scaling: time and memory against scale and against threads, where a record has several runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .plot import Line, Plot
from .run import Run, display_name
from .scale import LogScale, round_milliseconds, round_size


@dataclass(frozen=True)
class Curve:
    """A plot with its title, in a wide and a narrow form."""

    title: str
    wide: Plot
    narrow: Plot


_Value = Callable[[Run, str], float | None]


def curves(runs: Sequence[Run]) -> list[Curve]:
    """One for each of time and memory against whatever differs between the runs."""
    found = []
    for against in ("scale", "threads"):
        others = {"scale", "threads"} - {against}
        first = runs[0].record
        group = [run for run in runs if all(run.record[other] == first[other] for other in others)]
        if len({run.record[against] for run in group}) > 1:
            found += _pair(group, against)
    return found


def _pair(runs: Sequence[Run], against: str) -> list[Curve]:
    times = _curve(runs, against, f"Time against {against}", Run.geomean, ("milliseconds", round_milliseconds))
    memory = _curve(runs, against, f"Peak memory against {against}", _peak, ("bytes", round_size))
    return [curve for curve in (times, memory) if curve is not None]


def _peak(run: Run, engine: str) -> float | None:
    load = next((load for load in run.record["loads"] if load["engine"] == engine), None)
    return load and load.get("peak_memory_bytes")


def _curve(
    runs: Sequence[Run], against: str, title: str, value: _Value, axis: tuple[str, Callable[[float], str]]
) -> Curve | None:
    lines = []
    for number, engine in enumerate(runs[0].engines):
        found = [(run.record[against], value(run, engine)) for run in runs if engine in run.engines]
        points = sorted((float(x), y) for x, y in found if y)
        if len(points) > 1:
            lines.append(Line(points, display_name(engine), f"e{number}"))
    if not lines:
        return None
    x = LogScale.around((x for line in lines for x, _ in line.points), margin=1.3)
    y = LogScale.around((y for line in lines for _, y in line.points), margin=1.3)
    axes = (against, lambda v: f"{v:g}"), axis
    wide, narrow = (Plot.of(*size, x, y, axes, [], lines) for size in ((720, 400), (360, 360)))
    return Curve(title, wide, narrow)
