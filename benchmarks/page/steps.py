"""Where the speed-up comes from: the same query step by step, from rows in Python to Locality."""

from __future__ import annotations

from dataclasses import dataclass

from ..units import milliseconds
from .run import Run, display_name
from .scale import LogScale


@dataclass(frozen=True)
class Step:
    """start, end: places of the times before and after it on a logarithmic axis, 0 to 1. gain: their ratio."""

    name: str
    number: int
    time: str
    start: float
    end: float
    gain: str
    slower: bool


@dataclass(frozen=True)
class Waterfall:
    """One query. whole: the first step's time over the last's."""

    name: str
    title: str
    steps: list[Step]
    whole: str


def waterfalls(run: Run) -> list[Waterfall]:
    """For each query that at least two steps of the suite answered; none for a suite without steps."""
    order = [engine for engine in run.record.get("steps") or [] if engine in run.engines]
    found = []
    for query in run.queries:
        timed = [(engine, seconds) for engine in order if (seconds := run.seconds(query, engine))]
        if len(timed) > 1:
            found.append(_waterfall(run, query["name"], query["title"], timed))
    return found


def _waterfall(run: Run, name: str, title: str, timed: list[tuple[str, float]]) -> Waterfall:
    scale = LogScale.around([seconds for _, seconds in timed], margin=1.3)
    steps = []
    before = timed[0][1]
    for engine, seconds in timed:
        gain = before / seconds
        shown = "" if engine == timed[0][0] else _factor(gain)
        place = scale.at(before), scale.at(seconds)
        steps.append(Step(display_name(engine), run.number(engine), milliseconds(seconds), *place, shown, gain < 1))
        before = seconds
    return Waterfall(name, title, steps, _factor(timed[0][1] / timed[-1][1]))


def _factor(ratio: float) -> str:
    return f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.1f}x"
