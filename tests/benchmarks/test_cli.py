"""``locality bench`` from its arguments to its exit status."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from locality._suites.benchmarks import campaign, cli
from locality._suites.benchmarks.campaign import Options
from locality._suites.benchmarks.engines import Engine, Resources
from locality._suites.benchmarks.engines.duckdb import DuckDBEngine
from locality._suites.benchmarks.model import Source
from locality._suites.benchmarks.roofline import Point
from locality._suites.benchmarks.seat import Seat
from locality._suites.benchmarks.stopping import Stopping
from locality._suites.benchmarks.worker import Contestant

from . import fakes
from .conftest import SCALE

QUICK = Stopping(min_runs=1, max_runs=1)


def no_rooflines(threads: Sequence[int], notify: Callable[[str], None]) -> list[Point]:
    return [Point("read", count, 2**28, "memory", 1e9) for count in threads]


OPTIONS = Options(scales=(SCALE,), threads=(1,), stopping=QUICK, measure_rooflines=no_rooflines)


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Engines in this process, which is quicker."""

    @contextmanager
    def seats(
        contestants: Sequence[Contestant], sources: Mapping[str, Source], threads: int, memory_bytes: int
    ) -> Iterator[list[Seat]]:
        taken = []
        for contestant in contestants:
            directory = tmp_path / f"{contestant.name}-{threads}"
            directory.mkdir()
            resources = Resources(threads, memory_bytes, directory)
            taken.append(Seat(contestant, resources, fakes.Inline, sources))
        yield taken
        for seat in taken:
            seat.close()

    monkeypatch.setattr(campaign, "seats", seats)


def bench(monkeypatch: pytest.MonkeyPatch, *engines: type[Engine], options: Options = OPTIONS, **paths: Path) -> int:
    """The exit status of the suite of fakes with these engines."""
    monkeypatch.setattr(cli, "SUITES", {"tpch": fakes.SUITE})
    monkeypatch.setattr(cli, "ENGINES", fakes.all_of(engines))
    return cli.run("tpch", [engine.name for engine in engines], options, **paths)


def test_a_whole_run_with_the_peers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, page = tmp_path / "run.json", tmp_path / "run.html"
    status = cli.run("scan", ["duckdb", "sqlite", "naive"], OPTIONS, path, page)
    captured = capsys.readouterr()
    assert status == 0, captured.out
    assert captured.err == ""
    assert "large_orders" in captured.out
    found = json.loads(path.read_text())
    assert found["complete"] is True
    (run,) = found["runs"]
    assert run["problems"] == []
    assert len(run["queries"]) == 10
    assert {load["engine"] for load in run["loads"]} == {"duckdb", "sqlite", "naive"}
    assert all(len(m["samples"]) == 1 for query in run["queries"] for m in query["measurements"].values())
    assert "large_orders" in page.read_text()


@pytest.mark.parametrize(
    ("engine", "status", "text"),
    [
        (fakes.Ours, 0, "Bytes that Locality moved"),
        (fakes.Wrong, 1, "WRONG"),
        (fakes.Fails, 1, "no way to run this"),
        (fakes.FailsToLoad, 1, "no way to load part"),
        (fakes.FallsBack, 0, "answered by duckdb: window functions"),
        (fakes.Hungry, 0, "q06, locality: out of memory: could not allocate block"),
        (fakes.Interrupted, 130, "not complete: what there was when it ended"),
    ],
)
@pytest.mark.usefixtures("inline")
def test_exit_status(
    engine: type[Engine],
    status: int,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.json"
    assert bench(monkeypatch, engine, DuckDBEngine, json_path=path) == status
    assert text in capsys.readouterr().out
    assert json.loads(path.read_text())["complete"] == (status != 130)


@pytest.mark.usefixtures("inline")
def test_what_another_engine_gets_wrong_is_told_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Other(fakes.Wrong):
        name: ClassVar[str] = "other"

    assert bench(monkeypatch, fakes.Ours, Other) == 0
    assert "WRONG" in capsys.readouterr().out


@pytest.mark.usefixtures("inline")
def test_every_scale_with_every_number_of_threads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "run.json"
    options = Options(scales=(SCALE,), threads=(1, 2), queries=("q06",), stopping=QUICK, measure_rooflines=no_rooflines)
    assert bench(monkeypatch, DuckDBEngine, options=options, json_path=path) == 0
    runs = json.loads(path.read_text())["runs"]
    assert [(run["scale"], run["threads"]) for run in runs] == [(SCALE, 1), (SCALE, 2)]
    assert [[query["name"] for query in run["queries"]] for run in runs] == [["q06"], ["q06"]]
    assert "run by run" in capsys.readouterr().out


def test_names_that_do_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run("tcph") == 2
    assert cli.run("tpch", ["duckdb", "oracle"]) == 2
    assert cli.run("scan", ["duckdb"], Options(queries=("late_shipments", "q99"))) == 2
    suite, engine, query = capsys.readouterr().err.splitlines()
    assert suite.startswith("there is no benchmark suite 'tcph'; there is tpch, scan")
    assert engine.startswith("there is no engine oracle; there are locality, locality_advised, locality_clustered, ")
    assert query.startswith("scan has no query q99; it has monthly_revenue, ")


@pytest.mark.usefixtures("inline")
def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Absent(fakes.Ours):
        name = "absent"

        @classmethod
        def missing(cls) -> str | None:
            return "pip install absent"

    assert bench(monkeypatch, DuckDBEngine, Absent) == 2
    assert capsys.readouterr().err == "absent can't run: pip install absent\n"
    chosen = cli._choose_engines(["duckdb", "absent"], named=False)
    assert [contestant.name for contestant in chosen] == ["duckdb"]
    assert "without absent: pip install absent" in capsys.readouterr().err
