"""Two records of one suite, two commits' say: which differences are more than noise, and how that was decided."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .estimates import Ratio, geometric_mean, ratio_of_medians
from .record import SCHEMA_VERSION
from .units import milliseconds

_THRESHOLD = 0.05
"""Changes by less than this share are taken for noise between runs, which samples of one run can't show."""

_COUNTED = ("ok", "fallback")

Plain = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One engine on one query in both records. ratio: time after over time before; None where either has none."""

    query: str
    engine: str
    before: Plain
    after: Plain
    ratio: Ratio | None

    def verdict(self, floor: float) -> str:
        """``slower``, ``faster``, nothing for noise, or how the outcome changed."""
        if self.before["outcome"] != self.after["outcome"]:
            return f"{self.before['outcome']}, now {self.after['outcome']}"
        if self.ratio is None or not self.ratio.differs(floor):
            return ""
        return "slower" if self.ratio.value > 1 else "faster"


@dataclass(frozen=True)
class Pair:
    """The runs of both records at one scale with one number of threads."""

    before: Plain
    after: Plain

    def changes(self) -> Iterator[Change]:
        """Every engine on every query that both have."""
        queries = {query["name"]: query["measurements"] for query in self.after["queries"]}
        for query in self.before["queries"]:
            others = queries.get(query["name"], {})
            for engine, before in query["measurements"].items():
                if engine in others:
                    yield _change(query["name"], engine, before, others[engine])

    def controls(self) -> list[str]:
        """Engines of the same version in both runs, but for the baseline: what they changed by is the machine's."""
        versions = {load["engine"]: load["version"] for load in self.after["loads"]}
        return [
            load["engine"]
            for load in self.before["loads"]
            if load["engine"] != self.before["baseline"] and versions.get(load["engine"]) == load["version"]
        ]

    def drift(self) -> float | None:
        """The geometric mean of the controls' ratios; None without any."""
        controls = self.controls()
        return geometric_mean([c.ratio.value for c in self.changes() if c.ratio is not None and c.engine in controls])

    def floor(self) -> float:
        """The least change that is told: more than between two runs of the same, and more than the machine's own."""
        drift = self.drift()
        return max(_THRESHOLD, 0.0 if drift is None else max(drift, 1 / drift) - 1)


def _change(query: str, engine: str, before: Plain, after: Plain) -> Change:
    comparable = all(each["outcome"] in _COUNTED and each["samples"] for each in (before, after))
    ratio = ratio_of_medians(before["samples"], after["samples"]) if comparable else None
    return Change(query, engine, before, after, ratio)


def read_record(path: Path) -> Plain:
    """The record of a JSON file.

    Raises:
        ValueError: it is none, or of another schema version.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no JSON of locality bench: {error}") from error
    version = record.get("schema_version") if isinstance(record, dict) else None
    if version != SCHEMA_VERSION:
        raise ValueError(f"{path} has schema version {version}, and this version of locality reads {SCHEMA_VERSION}")
    found: Plain = record
    return found


def pairs(before: Plain, after: Plain) -> list[Pair]:
    """The runs that both records have.

    Raises:
        ValueError: the suites differ, or there are no common runs.
    """
    if before["suite"] != after["suite"]:
        raise ValueError(f"one is of the suite {before['suite']}, the other of {after['suite']}")
    runs = {(run["scale"], run["threads"]): run for run in after["runs"]}
    found = [Pair(run, runs[key]) for run in before["runs"] if (key := (run["scale"], run["threads"])) in runs]
    if not found:
        raise ValueError("they have no scale and number of threads in common")
    return found


def compare(before: Path, after: Path, console: Console) -> int:
    """Print the comparison; returns 1 if the baseline got slower or an answer of its went wrong, else 0.

    Raises:
        ValueError: a file is no record, or they can't be compared.
        OSError: a file can't be read.
    """
    records = read_record(before), read_record(after)
    worse = False
    for pair in pairs(*records):
        names = [f"{record['commit'] or path.stem}" for record, path in zip(records, (before, after), strict=True)]
        worse |= _print(pair, names, console)
    return 1 if worse else 0


def _print(pair: Pair, names: list[str], console: Console) -> bool:
    """Print one pair of runs; whether the baseline got worse."""
    floor, baseline = pair.floor(), pair.before["baseline"]
    changes = list(pair.changes())
    told = [(change, change.verdict(floor)) for change in changes]
    title = f"scale {pair.before['scale']:g}, {pair.before['threads']} threads: {names[0]}, then {names[1]}"
    console.print(f"[bold]{escape(title)}[/bold]", highlight=False)
    shown = [(change, verdict) for change, verdict in told if verdict or change.engine == baseline]
    console.print(_table(shown, names))
    for line in _summary(pair, changes, floor):
        console.print(escape(line), highlight=False)
    bad = ("ok, now wrong", "ok, now error", "slower")
    return any(change.engine == baseline and verdict in bad for change, verdict in told)


def _table(shown: list[tuple[Change, str]], names: list[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("query", "engine"):
        table.add_column(heading, no_wrap=True)
    for heading in (f"{names[0]}, ms", f"{names[1]}, ms", "ratio", "99% interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    for change, verdict in shown:
        times = [milliseconds(each["median_seconds"]) for each in (change.before, change.after)]
        ratio = change.ratio
        figures = ["-", "-"] if ratio is None else [f"{ratio.value:.2f}", f"{ratio.low:.2f} to {ratio.high:.2f}"]
        colour = {"": "", "faster": "[green]"}.get(verdict, "[bold red]")
        table.add_row(change.query, change.engine, *times, *figures, f"{colour}{escape(verdict)}")
    return table


def _summary(pair: Pair, changes: list[Change], floor: float) -> Iterator[str]:
    for engine in dict.fromkeys(change.engine for change in changes):
        ratios = [change.ratio.value for change in changes if change.engine == engine and change.ratio is not None]
        mean = geometric_mean(ratios)
        if mean is not None:
            yield f"{engine}: geometric mean of {len(ratios)} ratios {mean:.3f}"
    drift = pair.drift()
    if drift is not None:
        yield f"the machine: engines that did not change ({', '.join(pair.controls())}) changed by {drift:.3f}"
    yield (
        f"A difference counts if the 99% bootstrap interval of the ratio of medians lies wholly beyond {floor:.1%}: "
        f"{_THRESHOLD:.0%}, or what unchanged engines changed by if that is more."
    )
