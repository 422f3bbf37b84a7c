"""Two records side by side: what is told, and what is taken for noise."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from locality._suites.benchmarks.compare import compare
from locality._suites.benchmarks.outcome import Outcome
from locality._suites.benchmarks.record import LoadRecord, QueryRecord, RunRecord

from .test_record import a_record, a_run, measured


def record(seed: int, factor: float = 1.0, peers: float = 1.0, **changes: Any) -> dict[str, Any]:
    """Noisy times of two queries by Locality and DuckDB; ``factor`` slows the first query of Locality's."""
    noise = random.Random(seed)

    def samples(seconds: float) -> list[float]:
        return [seconds * (1 + noise.expovariate(50)) for _ in range(15)]

    run: RunRecord = a_run()
    run.loads = [LoadRecord(name, "1", "as is", "disk") for name in ("locality", "duckdb")]
    run.queries = [QueryRecord(name, "", "select 1", ("t",)) for name in ("one", "two")]
    for query, slowed in zip(run.queries, (factor, 1.0), strict=True):
        query.measurements = {
            "locality": measured("locality", *samples(0.1 * slowed * peers)),
            "duckdb": measured("duckdb", *samples(0.4 * peers)),
        }
    run.queries[1].measurements["locality"].outcome = changes.get("outcome", Outcome.OK)
    return a_record(run).to_json()


def compared(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> tuple[int, str]:
    paths = tmp_path / "before.json", tmp_path / "after.json"
    for path, plain in zip(paths, (before, after), strict=True):
        path.write_text(json.dumps(plain), encoding="utf-8")
    console = Console(file=io.StringIO(), width=140)
    status = compare(*paths, console)
    assert isinstance(console.file, io.StringIO)
    return status, console.file.getvalue()


def test_the_same_again_is_noise(tmp_path: Path) -> None:
    status, text = compared(tmp_path, record(1), record(2))
    assert status == 0
    assert "slower" not in text and "faster" not in text
    assert "before, ms" in text and "after, ms" in text
    assert "99% bootstrap interval" in text


@pytest.mark.parametrize(("factor", "verdict", "status"), [(1.3, "slower", 1), (0.7, "faster", 0)])
def test_a_change_is_told(factor: float, verdict: str, status: int, tmp_path: Path) -> None:
    found, text = compared(tmp_path, record(1), record(2, factor))
    (line,) = [line for line in text.splitlines() if verdict in line]
    assert line.split()[:2] == ["one", "locality"]
    assert found == status


def test_a_slower_machine_is_not_taken_for_a_slower_engine(tmp_path: Path) -> None:
    status, text = compared(tmp_path, record(1), record(2, peers=1.4))
    assert status == 0
    assert "engines that did not change (duckdb) changed by 1.4" in text
    assert "slower" not in text


def test_an_answer_that_went_wrong_is_told(tmp_path: Path) -> None:
    status, text = compared(tmp_path, record(1), record(1, outcome=Outcome.WRONG))
    assert status == 1
    assert "ok, now wrong" in text


def test_what_can_not_be_compared_is_refused(tmp_path: Path) -> None:
    good, other, small = record(1), record(1), record(1)
    other["suite"] = "scan"
    small["runs"][0]["scale"] = 0.1
    with pytest.raises(ValueError, match="one is of the suite tpch, the other of scan"):
        compared(tmp_path, good, other)
    with pytest.raises(ValueError, match="no scale and number of threads in common"):
        compared(tmp_path, good, small)
    with pytest.raises(ValueError, match="schema version 2, and this version of locality reads 3"):
        compared(tmp_path, good, {"schema_version": 2})
    (tmp_path / "before.json").write_text("no JSON")
    with pytest.raises(ValueError, match="is no JSON of locality bench"):
        compare(tmp_path / "before.json", tmp_path / "before.json", Console(file=io.StringIO()))
