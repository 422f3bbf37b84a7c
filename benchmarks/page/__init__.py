"""A run as one HTML file: no network, no script, light and dark, for wide and narrow screens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..units import data_size
from .curves import curves
from .loading import break_evens, loads
from .memory import memory
from .run import Run
from .speedups import scores, speedups
from .steps import waterfalls
from .timings import first_timings, hot_timings
from .traffic import heat_map, reductions, roofline

_TEMPLATES = Path(__file__).parent / "templates"

_HOT = "Medians of the hot runs in milliseconds; the fastest of each query stands out. Point at one for its spread."
_FIRST = "Milliseconds of the first run of each query; Locality compiles kernels in it where they are new."


@dataclass(frozen=True)
class Section:
    """A part of the page. data: what its template shows."""

    name: str
    template: str
    data: Any
    heading: str = ""
    text: str = ""


def render_page(records: Sequence[dict[str, Any]]) -> str:
    """The HTML of runs of one suite, each as its JSON has it (see docs/benchmarks.md).

    All but the scaling curves, which need several, are of the last run: the largest.
    """
    runs = [Run(record) for record in records]
    run = runs[-1]
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    heading = f"{run.record['suite']} at scale {run.record['scale']:g}"
    return environment.get_template("page.html.j2").render(
        title=f"{heading} - Locality benchmarks",
        heading=heading,
        setting=_setting(run),
        complete=run.record["complete"],
        scores=scores(run),
        sections=list(_sections(runs, run)),
        problems=run.record["problems"],
        remarks=run.record["remarks"],
        method=_method(run),
        style=Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8")),  # our own file, with nothing to escape
    )


def _sections(runs: Sequence[Run], run: Run) -> Iterator[Section]:
    """Those that the run has something to show for."""
    if (found := speedups(run)) is not None:
        yield Section("speedups", "speedups.html.j2", found)
    if falls := waterfalls(run):
        yield Section("steps", "steps.html.j2", falls)
    yield Section("timings", "timings.html.j2", hot_timings(run), "Times", _HOT)
    wide, narrow = roofline(run, 720, 420), roofline(run, 360, 380)
    if wide is not None:
        yield Section("roofline", "roofline.html.j2", [wide, narrow])
    if fewer := reductions(run):
        yield Section("bytes", "reductions.html.j2", fewer)
    if (touched := heat_map(run)) is not None:
        yield Section("touched", "heatmap.html.j2", touched)
    if run.engines:
        yield Section("loading", "loading.html.j2", {"loads": loads(run), "break_evens": break_evens(run)})
    yield Section("first", "timings.html.j2", first_timings(run), "The first time", _FIRST)
    if (rates := memory(run)) is not None:
        yield Section("memory", "memory.html.j2", rates)
    if grown := curves(runs):
        yield Section("curves", "curves.html.j2", grown)


def _setting(run: Run) -> str:
    record, machine = run.record, run.record["machine"]
    parts = [
        f"{machine['cpu']}, {machine['cores']} cores, {data_size(machine['memory_bytes'])} of memory",
        f"{record['threads']} threads",
        *([f"read bandwidth {record['bandwidth'] / 1e9:.1f} GB/s"] if record["bandwidth"] else []),
        record["started"][:10],
        ", ".join(f"{load['engine']} {load['version']}" for load in record["loads"] if load["version"]),
    ]
    return " · ".join(parts)


def _method(run: Run) -> str:
    return (
        f"Every engine had {run.record['threads']} threads and the same Parquet files; every answer was compared with "
        "DuckDB's. Times end with the last row in the program's hands. docs/benchmarks.md says how this is measured."
    )
