"""How many times as fast Locality is: the headline, and a dot for each engine and query on a logarithmic axis."""

from __future__ import annotations

from dataclasses import dataclass

from ..estimates import geometric_mean
from ..units import times
from .run import Run, display_name
from .scale import LogScale, Tick


@dataclass(frozen=True)
class Score:
    """Against one engine: the geometric mean, and in how many queries which of the two was faster."""

    engine: str
    number: int
    mean: str
    slower: bool
    faster: int
    compared: int
    losses: list[str]


@dataclass(frozen=True)
class Dot:
    """One engine's ratio; ``at`` is its place on the axis, 0 to 1."""

    number: int
    at: float
    label: str


@dataclass(frozen=True)
class Row:
    """One query."""

    name: str
    title: str
    dots: list[Dot]


@dataclass(frozen=True)
class Speedups:
    """even: where the axis has 1x. key: number and name of each engine."""

    rows: list[Row]
    ticks: list[Tick]
    even: float
    key: list[tuple[int, str]]


def scores(run: Run) -> list[Score]:
    """One for each engine beside Locality, in the order of the run."""
    return [_score(run, peer) for peer in run.peers if run.ratios(peer)]


def _score(run: Run, peer: str) -> Score:
    found = [(ratio, query["name"]) for query in run.queries if (ratio := run.ratio(query, peer)) is not None]
    lost = [f"{name} {times(ratio)}" for ratio, name in sorted(found) if ratio < 1]
    mean = geometric_mean([ratio for ratio, _ in found])
    assert mean is not None
    faster = len(found) - len(lost)
    return Score(display_name(peer), run.number(peer), times(mean), mean < 1, faster, len(found), lost)


def speedups(run: Run) -> Speedups | None:
    """None if Locality has nothing to be compared with."""
    ratios = [ratio for peer in run.peers for ratio in run.ratios(peer)]
    if not ratios:
        return None
    scale = LogScale(min(0.5, min(ratios) / 1.2), max(2.0, max(ratios) * 1.2))
    rows = [Row(query["name"], query["title"], _dots(run, query, scale)) for query in run.queries]
    key = [(run.number(peer), display_name(peer)) for peer in run.peers if run.ratios(peer)]
    return Speedups(rows, scale.ticks(lambda value: f"{value:,g}x"), scale.at(1.0), key)


def _dots(run: Run, query: dict[str, object], scale: LogScale) -> list[Dot]:
    return [
        Dot(run.number(peer), scale.at(ratio), f"{times(ratio)} against {display_name(peer)}")
        for peer in run.peers
        if (ratio := run.ratio(query, peer)) is not None
    ]
