"""What each optimizer pass and operator choice contributes: Locality beside Locality without it, over one store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from locality.operators.build import CHOICES
from locality.optimizer import PASSES

from .engines.locality import LocalityEngine
from .estimates import Ratio, geometric_mean, ratio_of_medians
from .record import BASELINE, Record, RunRecord
from .report import heading, problems
from .units import times
from .worker import Contestant

_WITHOUT = "without "
_THRESHOLD = 0.1
"""Changes by less than this share are not told."""

_SHOWN = 5


def names() -> list[str]:
    """Every pass and choice that can be switched off, in the order in which plans meet them."""
    return [*(each.name for each in PASSES if not each.required), *CHOICES]


def contestants(without: Sequence[str]) -> list[Contestant]:
    """Locality, then Locality without each of these; all over the store of the first."""
    whole = Contestant(BASELINE, LocalityEngine)
    return [
        whole,
        *(
            Contestant(_WITHOUT + name, LocalityEngine, {"disabled_optimizers": (name,)}, shares=BASELINE)
            for name in without
        ),
    ]


@dataclass(frozen=True)
class Effect:
    """What is lost without one pass: the ratio of the times without it and with it, over all queries, and by query.

    changed: the queries whose times differ by more than noise. bytes_ratio: the same of the bytes moved.
    """

    name: str
    time_ratio: float | None
    bytes_ratio: float | None
    changed: list[tuple[str, Ratio]]


def effects(run: RunRecord) -> list[Effect]:
    """The effect of each, the largest first."""
    found = [_effect(run, engine) for engine in run.peers]
    return sorted(found, key=lambda effect: effect.time_ratio or 0.0, reverse=True)


def _effect(run: RunRecord, engine: str) -> Effect:
    changed, moved = [], []
    for query in run.queries:
        whole, without = query.measurements.get(run.baseline), query.measurements.get(engine)
        if whole is None or without is None or not (whole.counts and without.counts):
            continue
        ratio = ratio_of_medians(whole.samples, without.samples)
        if ratio.differs(_THRESHOLD):
            changed.append((query.name, ratio))
        if whole.ledger is not None and without.ledger is not None:
            bytes_moved = whole.ledger.bytes_moved, without.ledger.bytes_moved
            if all(bytes_moved):
                moved.append(bytes_moved[1] / bytes_moved[0])
    changed.sort(key=lambda each: each[1].value, reverse=True)
    return Effect(engine.removeprefix(_WITHOUT), run.geomean(engine), geometric_mean(moved), changed)


def print_ablation(record: Record, console: Console) -> None:
    """A row for each pass and choice: how many times as long the suite takes without it, and the queries it changes."""
    console.print(heading(record), highlight=False)
    for run in record.runs:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("without", no_wrap=True)
        for name in ("time", "bytes moved"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column(f"queries that change by more than {_THRESHOLD:.0%} and noise")
        for effect in effects(run):
            told = [f"{name} {times(ratio.value)}" for name, ratio in _most(effect.changed)]
            table.add_row(effect.name, times(effect.time_ratio), times(effect.bytes_ratio), ", ".join(told))
        console.print(f"[bold]scale {run.scale:g}, {run.threads} threads[/bold]: times the time of all of Locality")
        console.print(table)
        for line in problems(run):
            console.print(line, highlight=False)


def _most(changed: list[tuple[str, Ratio]]) -> list[tuple[str, Ratio]]:
    """The largest changes, from both ends where there are too many."""
    return changed if len(changed) <= 2 * _SHOWN else [*changed[:_SHOWN], *changed[-_SHOWN:]]
