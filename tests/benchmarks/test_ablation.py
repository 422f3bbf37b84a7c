"""Locality with and without its passes: the contestants over one store, and what is told of their effects."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from locality._suites.benchmarks import cli
from locality._suites.benchmarks.ablation import contestants, effects, names, print_ablation
from locality._suites.benchmarks.campaign import Options
from locality._suites.benchmarks.engines import ENGINES, Ledger
from locality._suites.benchmarks.record import LoadRecord, QueryRecord, RunRecord
from locality._suites.benchmarks.stopping import Stopping

from .conftest import SCALE
from .test_cli import no_rooflines
from .test_record import a_record, a_run, measured


def a_measured_run() -> RunRecord:
    run = a_run()
    run.loads = run.loads[:1]
    for name in ("without order_joins", "without top_n"):
        run.loads.append(LoadRecord(name, "1", "as is", "disk"))
    run.queries = [QueryRecord(name, "", "select 1", ("t",)) for name in ("one", "two")]
    moved = {"locality": 100, "without order_joins": 400, "without top_n": 100}
    for query, slowed in zip(run.queries, (3.0, 1.0), strict=True):
        times = {"locality": 1.0, "without order_joins": slowed, "without top_n": 0.97}
        query.measurements = {
            engine: measured(engine, *[seconds] * 5, ledger=Ledger("locality", None, moved[engine], 50, 1000))
            for engine, seconds in times.items()
        }
    return run


def test_effects_come_largest_first_with_the_queries_that_change() -> None:
    large, small = effects(a_measured_run())
    assert (large.name, small.name) == ("order_joins", "top_n")
    assert large.time_ratio == pytest.approx(3**0.5)
    assert large.bytes_ratio == pytest.approx(4)
    assert [name for name, _ in large.changed] == ["one"]
    assert small.changed == []


def test_they_are_printed() -> None:
    console = Console(file=io.StringIO(), width=120)
    print_ablation(a_record(a_measured_run()), console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    (line,) = [line for line in text.splitlines() if "order_joins" in line]
    assert line.split() == ["order_joins", "1.73x", "4.00x", "one", "3.00x"]


def test_everything_that_can_be_disabled_is_a_contestant_over_one_store() -> None:
    first, *others = contestants(names())
    assert (first.name, first.shares, first.options) == ("locality", None, {})
    assert "without order_joins" in [other.name for other in others]
    assert "without zone_pruning" in [other.name for other in others]
    assert {other.shares for other in others} == {"locality"}


def test_a_small_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.setattr(cli, "names", lambda: ["top_n"])
    stopping = Stopping(min_runs=1, max_runs=1)
    options = Options((SCALE,), (1,), ("top_lines",), stopping=stopping, measure_rooflines=no_rooflines)
    assert cli.ablate("scan", options, tmp_path / "record.json") == 0
    assert "top_n" in capsys.readouterr().out
    (run,) = json.loads((tmp_path / "record.json").read_text())["runs"]
    assert [load["configuration"].endswith(", without top_n") for load in run["loads"]] == [False, True]
    moved = {name: m["ledger"]["bytes_moved"] for name, m in run["queries"][0]["measurements"].items()}
    assert moved["locality"] != moved["without top_n"]


def test_the_documentation_says_what_each_leaves_out() -> None:
    text = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    section = text[text.index("### What each pass contributes") : text.index("### How the engines are set up")]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == names()


def test_the_documentation_says_how_each_engine_is_set_up() -> None:
    text = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    section = text[text.index("### How the engines are set up") : text.index("### Caveats")]
    cells = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == set(ENGINES)
