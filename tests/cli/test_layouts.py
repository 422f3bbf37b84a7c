"""Commands that lay tables out: what they print, and that they did it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

import locality

from .conftest import Output


def test_optimize_puts_rows_in_order(output: Output, tmp_path: Path, source: Path) -> None:
    target = tmp_path / "new"
    output("ingest", target, "t", source, "-q")
    status, _, err = output("optimize", target, "t", "--order", "s")
    assert status == 0
    assert "in the order of s" in err
    assert "in the order of s" in output("info", target)[1]
    status, _, err = output("optimize", target, "t", "--order", "missing")
    assert status == 1
    assert "missing" in err


def test_a_store_is_optimized_for_what_was_asked_of_it(output: Output, tmp_path: Path) -> None:
    target = tmp_path / "new"
    table = pa.table({"k": [i * 7919 % 300_000 for i in range(300_000)], "v": range(300_000)})
    with locality.connect(target) as con:
        con.ingest("t", table)
    assert "error: no workload" in output("optimize", target)[2]
    assert output("sql", target, "select sum(v) from t where k < 1000")[0] == 0
    assert "select sum (v) from t where k < ?" in output("workload", target, "--json")[1]
    assert json.loads(output("advise", target, "--budget", "3x", "--json")[1])["proposals"][0]["order"] == ["k"]
    picture = tmp_path / "layouts.html"
    assert output("advise", target, "--picture", picture)[0] == 0
    assert "As proposed" in picture.read_text(encoding="utf-8")
    assert output("info", target, "--picture", tmp_path / "layouts.svg")[0] == 0
    status, out, err = output("optimize", target)
    assert (status, "proposed" in out) == (0, True)
    assert "t: 300,000 rows in the order of k" in err
    assert output("optimize", target, "t", "--order", "v", "--layout", "again", "-q")[0] == 0
    assert output("optimize", target, "t", "--drop", "again", "-q") == (0, "", "")
    assert "no layout 'again'" in output("optimize", target, "t", "--drop", "again")[2]
    assert output("workload", target, "--clear") == (0, "", "")
    assert output("workload", target)[1] == "the workload log is empty\n"


def test_a_rollup_is_made_and_dropped(output: Output, tmp_path: Path) -> None:
    target = tmp_path / "new"
    with locality.connect(target) as con:
        con.ingest("t", pa.table({"k": [i % 3 for i in range(3000)], "v": range(3000)}))
    sums = "select k, sum(v) from t group by k"
    status, out, err = output("rollup", target, "--name", "sums", sums)
    assert (status, out) == (0, "")
    assert err.startswith("sums: 3 rows of t's 3,000, ")
    assert "rollup sums: 3 rows, " in output("info", target)[1]
    assert "over rollup sums: 3 rows" in output("explain", target, "select sum(v) from t")[1]
    assert output("rollup", target, "--name", "sums", sums, "-q") == (0, "", "")
    assert "groups by DOUBLE" in output("rollup", target, "--name", "x", "select k / 2, count(*) from t group by 1")[2]
    assert output("drop-rollup", target, "sums") == (0, "", "")
    assert "error: there is no rollup 'sums'" in output("drop-rollup", target, "sums")[2]


@pytest.mark.parametrize("arguments", [("--order", "v"), ("t", "--budget", "2x"), ("t", "--drop", "x", "--order", "v")])
def test_optimize_refuses_what_does_not_go_together(output: Output, store: Path, arguments: tuple[str, ...]) -> None:
    assert output("optimize", store, *arguments)[0] == 2
