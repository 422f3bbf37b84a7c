"""Derived figures, and the JSON against its documentation."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from locality._suites.benchmarks.engines import Extrapolation, Ledger
from locality._suites.benchmarks.outcome import Outcome
from locality._suites.benchmarks.record import (
    SCHEMA_VERSION,
    LoadRecord,
    Measurement,
    QueryRecord,
    Record,
    RunRecord,
    flat_runs,
)
from locality._suites.benchmarks.stopping import Stopping

SCHEMA = Path(__file__).parents[2] / "docs" / "benchmarks" / "schema.json"


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
        scale=0.5,
        threads=2,
        started="2026-01-01T00:00:00+00:00",
        settings={**asdict(Stopping()), "memory_bytes": 10**9},
        source_bytes={"t": 1000},
        bandwidth=10e9,
        complete=True,
        loads=[
            LoadRecord(name, "1", "as is", "disk", seconds={"t": 1.0}, rows={"t": 7}, stored_bytes=500)
            for name in ("locality", "duckdb", "naive")
        ],
        queries=[fast, slow],
    )


def a_record(*runs: RunRecord) -> Record:
    machine = {"cpu": "a [fast] one", "cores": 2, "memory_bytes": 10**9, "os": "an OS", "python": "3.11.0"}
    machine |= {"architecture": "x", "packages": {}}
    return Record("tpch", "its queries", machine, runs=list(runs or [a_run()]))


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


def test_json_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    a_record().write_json(path)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]
    assert found["schema_version"] == 3
    assert found["complete"] is True
    (run,) = found["runs"]
    assert run["geomean_ratios"] == {"duckdb": pytest.approx(2**0.5), "naive": pytest.approx(100)}
    fast, slow = run["queries"]
    assert fast["ratios"] == {"duckdb": pytest.approx(4), "naive": pytest.approx(100)}
    assert fast["measurements"]["naive"]["samples"] == [2.0]
    assert fast["measurements"]["naive"]["median_seconds"] == 20.0
    assert fast["measurements"]["naive"]["interval_seconds"] == [20.0, 20.0]
    assert fast["measurements"]["naive"]["extrapolation"]["factor"] == 10.0
    assert slow["measurements"]["naive"]["outcome"] == "wrong"
    (flat,) = flat_runs(found)
    assert (flat["suite"], flat["scale"], flat["machine"]["cores"]) == ("tpch", 0.5, 2)


def test_the_json_is_as_its_schema_says() -> None:
    plain = json.loads(json.dumps(a_record().to_json()))
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(plain, schema)
    assert schema["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    plain["runs"][0]["queries"][0]["measurements"]["duckdb"]["samples"].append("fast")
    with pytest.raises(jsonschema.ValidationError, match="fast"):
        jsonschema.validate(plain, schema)


def test_the_stored_records_are_as_the_schema_says() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for path in SCHEMA.parent.glob("*-sf1.json"):
        jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), schema)


def test_the_schema_describes_every_field_and_allows_no_other() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    objects = [schema, *(found for found in schema["$defs"].values() if "properties" in found)]
    assert len(objects) > 5
    for found in objects:
        assert found["additionalProperties"] is False
        assert set(found["required"]) == set(found["properties"])
        for name, field in found["properties"].items():
            assert "description" in field or "$ref" in str(field), name
