"""``locality bench`` from its arguments to its exit status."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from locality._suites.benchmarks import cli
from locality._suites.benchmarks.engines import Engine
from locality._suites.benchmarks.engines.duckdb import DuckDBEngine
from locality._suites.benchmarks.runner import Stopping

from . import fakes
from .conftest import SCALE

QUICK = Stopping(min_runs=1, max_runs=1)


def bench(monkeypatch: pytest.MonkeyPatch, *engines: type[Engine], json_path: Path | None = None) -> int:
    """The exit status of the suite of fakes with these engines, with a bandwidth probe that takes no time."""
    monkeypatch.setattr(cli, "SUITES", {"tpch": fakes.SUITE})
    monkeypatch.setattr(cli, "ENGINES", fakes.all_of(*engines))
    monkeypatch.setattr(cli, "_bandwidth_probe", lambda chosen: lambda threads: 1e9)
    names = [engine.name for engine in engines]
    return cli.run("tpch", SCALE, names, threads=1, json_path=json_path, stopping=QUICK)


def test_a_whole_run_with_the_peers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.json"
    status = cli.run("scan", SCALE, ["duckdb", "sqlite", "naive"], threads=1, json_path=path, stopping=QUICK)
    captured = capsys.readouterr()
    assert status == 0, captured.out
    assert captured.err == ""
    assert "large_orders" in captured.out
    found = json.loads(path.read_text())
    assert found["complete"] is True
    assert found["problems"] == []
    assert len(found["queries"]) == 10
    assert {load["engine"] for load in found["loads"]} == {"duckdb", "sqlite", "naive"}
    assert all(len(m["samples"]) == 1 for query in found["queries"] for m in query["measurements"].values())


@pytest.mark.parametrize(
    ("engine", "status", "text"),
    [
        (fakes.Ours, 0, "Bytes that Locality moved"),
        (fakes.Wrong, 1, "WRONG"),
        (fakes.Fails, 1, "no way to run q06"),
        (fakes.FallsBack, 0, "answered by duckdb: window functions"),
        (fakes.Slow, 0, "q06, locality: too long: no answer within 7 s"),
        (fakes.Interrupted, 130, "interrupted: what there was up to then"),
    ],
)
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


def test_names_that_do_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run("tcph", SCALE) == 2
    assert cli.run("tpch", SCALE, ["duckdb", "oracle"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "there is no benchmark suite 'tcph'; there is tpch, scan",
        "there is no engine oracle; there are locality, duckdb, sqlite, naive",
    ]


def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Absent(fakes.Ours):
        name = "absent"

        @classmethod
        def missing(cls) -> str | None:
            return "pip install absent"

    assert bench(monkeypatch, DuckDBEngine, Absent) == 2
    assert capsys.readouterr().err == "absent is not installed: pip install absent\n"
    chosen = cli._choose_engines(["duckdb", "absent"], named=False)
    assert chosen == [DuckDBEngine]
    assert "without absent" in capsys.readouterr().err


def test_kernels_are_compiled_anew_and_the_setting_comes_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = []

    class Watches(fakes.Ours):
        def finish_loading(self) -> None:
            seen.append(os.environ["LOCALITY_CACHE_DIR"])

    for before in (str(tmp_path), None):
        if before is None:
            monkeypatch.delenv("LOCALITY_CACHE_DIR")
        else:
            monkeypatch.setenv("LOCALITY_CACHE_DIR", before)
        assert bench(monkeypatch, Watches) == 0
        assert os.environ.get("LOCALITY_CACHE_DIR") == before
    assert len(set(seen)) == 2
    assert not any(Path(path).exists() for path in seen)
