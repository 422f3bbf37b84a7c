"""The entry of ``locality bench``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from .ablation import contestants, names, print_ablation
from .campaign import Options, chosen_queries, measure, new_record
from .compare import compare
from .engines import ENGINES
from .machine import describe
from .model import Suite
from .page import render_page
from .progress import display
from .record import Record, flat_runs, write_whole
from .report import print_report
from .roofline import measure as measure_rooflines
from .roofline import print_rooflines
from .suites import SUITES
from .worker import Contestant

INTERRUPTED = 130
USAGE = 2

_PIPED_WIDTH = 120


def run(
    suite: str,
    engines: Sequence[str] | None = None,
    options: Options | None = None,
    json_path: Path | None = None,
    html_path: Path | None = None,
) -> int:
    """Run a suite and print its tables to standard output; progress goes to standard error if that is a terminal.

    suite: a name in ``SUITES``. engines: names in ``ENGINES``, the suite's own choice if None. json_path: where to
    write the whole record; html_path: where to write it as a page.

    Returns the exit status: 0; 1 if Locality's answer differs from the reference or it fails; 2 for a suite, engine
    or query that there isn't; 130 after Ctrl-C, with what there was up to then printed and written.

    Raises:
        locality.errors.SourceError: the data can't be made or read.
    """
    options = options or Options()
    try:
        chosen = choose_suite(suite)
        chosen_queries(chosen, options.queries)
        taking_part = _choose_engines(engines or chosen.engines, named=engines is not None)
    except ValueError as error:
        print(error, file=sys.stderr)
        return USAGE
    return carry_out(chosen, taking_part, options, json_path, html_path)


def ablate(suite: str, options: Options, json_path: Path | None = None) -> int:
    """Run a suite by Locality with and without each optimizer pass, and print what each contributes; as ``run``."""
    try:
        chosen = choose_suite(suite)
        chosen_queries(chosen, options.queries)
    except ValueError as error:
        print(error, file=sys.stderr)
        return USAGE
    return carry_out(chosen, contestants(names()), options, json_path, show=print_ablation)


def probe(threads: Sequence[int], json_path: Path | None = None) -> int:
    """Measure the machine's rooflines, print them and write them; returns 0."""
    with display() as start:
        notify = start()
        points = measure_rooflines(threads, lambda text: notify(text, 0.0))
    print_rooflines(points, output())
    if json_path is not None:
        found = {"machine": describe(), "roofline": [asdict(point) for point in points]}
        write_whole(json_path, json.dumps(found, indent=1) + "\n")
    return 0


def compare_files(before: Path, after: Path) -> int:
    """Print how two records differ; returns 0, 1 if Locality got worse, or 2 if they can't be compared."""
    try:
        return compare(before, after, output())
    except ValueError as error:
        print(error, file=sys.stderr)
        return USAGE


def choose_suite(name: str) -> Suite:
    """The suite of this name.

    Raises:
        ValueError: there is none.
    """
    if name not in SUITES:
        raise ValueError(f"there is no benchmark suite {name!r}; there is {', '.join(SUITES)}")
    return SUITES[name]


def carry_out(
    suite: Suite,
    taking_part: Sequence[Contestant],
    options: Options,
    json_path: Path | None = None,
    html_path: Path | None = None,
    show: Callable[[Record, Console], None] = print_report,
) -> int:
    """Measure, print and write; returns the exit status."""
    record = new_record(suite)
    interrupted = False
    with display() as start:
        try:
            measure(record, suite, taking_part, options, start)
        except KeyboardInterrupt:
            interrupted = True
    show(record, output())
    if json_path is not None:
        record.write_json(json_path)
    if html_path is not None and record.runs:
        write_whole(html_path, render_page(flat_runs(record.to_json())))
    if interrupted:
        return INTERRUPTED
    return 1 if any(run.failed for run in record.runs) else 0


def output() -> Console:
    """Standard output; a pipe or file has no width of its own, so it gets one that holds every column."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPED_WIDTH)


def _choose_engines(names: Sequence[str], *, named: bool) -> list[Contestant]:
    """The engines to run, each once; one that isn't installed is an error if the user named it, else a line."""
    unknown = [name for name in names if name not in ENGINES]
    if unknown:
        raise ValueError(f"there is no engine {', '.join(unknown)}; there are {', '.join(ENGINES)}")
    chosen = []
    for name in dict.fromkeys(names):
        remedy = ENGINES[name].missing()
        if remedy is None:
            chosen.append(Contestant(name, ENGINES[name]))
        elif named:
            raise ValueError(f"{name} can't run: {remedy}")
        else:
            print(f"without {name}: {remedy}", file=sys.stderr)
    return chosen
