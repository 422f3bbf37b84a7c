"""Derived figures, and the JSON against its documentation."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from locality._suites.benchmarks.engines import Extrapolation, Ledger
from locality._suites.benchmarks.record import (
    LoadRecord,
    Measurement,
    Outcome,
    QueryRecord,
    RunRecord,
    geometric_mean,
)


def measured(engine: str, *samples: float, **fields: Any) -> Measurement:
    return Measurement(engine, rows=1, first_seconds=1.0, samples=list(samples), **fields)


def a_run() -> RunRecord:
    fast = QueryRecord("fast", "wins", "select 1", ("t",))
    fast.measurements = {
        "locality": measured("locality", 0.1, 0.2, 0.3, ledger=Ledger("locality", None, 10**9, 10**8, 10**10)),
        "duckdb": measured("duckdb", 0.8),
        "naive": measured("naive", 2.0, extrapolation=Extrapolation(10, 100, 10.0)),
    }
    slow = QueryRecord("slow", "loses", "select 2", ("t",))
    slow.measurements = {
        "locality": measured("locality", 0.2),
        "duckdb": measured("duckdb", 0.1),
        "naive": measured("naive", 1.0, outcome=Outcome.WRONG, message="1 rows instead of 2"),
    }
    return RunRecord(
        suite="tpch",
        scale=0.5,
        threads=2,
        started="2026-01-01T00:00:00+00:00",
        settings={"min_runs": 3},
        machine={"cpu": "a [fast] one", "cores": 2, "memory_bytes": 10**9, "os": "an OS", "python": "3.11.0"},
        source_bytes={"t": 1000},
        bandwidth=10e9,
        complete=True,
        loads=[LoadRecord(name, "1", "as is", {"t": 1.0}, {"t": 7}, 500) for name in ("locality", "duckdb", "naive")],
        queries=[fast, slow],
    )


def test_derived_figures() -> None:
    record = a_run()
    fast, slow = record.queries
    assert fast.measurements["locality"].seconds == 0.2
    assert fast.measurements["naive"].seconds == 20.0
    assert fast.ratio("duckdb") == pytest.approx(4)
    assert fast.ratio("naive") == pytest.approx(100)
    assert slow.ratio("duckdb") == pytest.approx(0.5)
    assert slow.ratio("naive") is None
    assert slow.ratio("polars") is None
    assert record.geomean("duckdb") == pytest.approx(2**0.5)
    assert record.geomean("naive") == pytest.approx(100)
    assert record.bandwidth_share(fast.measurements["locality"]) == pytest.approx(0.5)
    assert record.problems() == ["slow, naive: wrong: 1 rows instead of 2"]


def test_geometric_mean() -> None:
    assert geometric_mean([]) is None
    assert geometric_mean([2, 8]) == pytest.approx(4)


def test_json_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    a_run().write_json(path)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]
    assert found["schema_version"] == 2
    assert found["geomean_ratios"] == {"duckdb": pytest.approx(2**0.5), "naive": pytest.approx(100)}
    fast = found["queries"][0]
    assert fast["ratios"] == {"duckdb": pytest.approx(4), "naive": pytest.approx(100)}
    assert fast["measurements"]["naive"]["samples"] == [2.0]
    assert fast["measurements"]["naive"]["median_seconds"] == 20.0
    assert fast["measurements"]["naive"]["extrapolation"]["factor"] == 10.0
    assert found["queries"][1]["measurements"]["naive"]["outcome"] == "wrong"


def test_json_has_the_documented_fields_and_no_others() -> None:
    text = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    documented: dict[str, set[str]] = {}
    for section, body in re.findall(r"^### `(\w+)`\n(.*?)(?=^##)", text + "\n## ", re.MULTILINE | re.DOTALL):
        documented[section] = set(re.findall(r"^\| `(\w+)` \|", body, re.MULTILINE))
    run = a_run().to_json()
    query = run["queries"][0]
    ours, naive = query["measurements"]["locality"], query["measurements"]["naive"]
    assert documented == {
        "run": set(run),
        "load": set(run["loads"][0]),
        "query": set(query),
        "measurement": set(ours),
        "ledger": set(ours["ledger"]),
        "extrapolation": set(naive["extrapolation"]),
    }
