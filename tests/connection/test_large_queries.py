"""Queries of unusual size: each is answered as DuckDB answers it, or refused by an error, in bounded time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from locality.kernel import compiler, loader, machinecode
from locality.kernel.cache import CACHE_DIR_VARIABLE
from locality.kernel.machinecode import OPTIMISE_VARIABLE
from locality.kernel.native import Effort
from tests.properties.oracle import Pair

COLUMNS = 2_000


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    rows = np.arange(200)
    with Pair(threads=2) as made:
        made.load("t", [pa.table({"a": rows, "b": rows % 7, "s": [f"x{i % 50}" for i in rows]})])
        made.load("wide", [pa.table({f"c{i}": rows[:3] + i for i in range(COLUMNS)})])
        yield made


def _nested(depth: int) -> str:
    return "(" * depth + "a" + "+1)" * depth


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from " + ", ".join(f"t t{i}" for i in range(24))
        + " where " + " and ".join(f"t{i}.a = t{i + 1}.a" for i in range(23)),
        "select sum(a) from (" + " union all ".join(["select a from t"] * 300) + ")",
        f"select sum({_nested(150)}) from t",
        "select count(*) from t where a in (" + ",".join(map(str, range(0, 20_000, 2))) + ")",
        "select count(*) from t where a + b in (" + ",".join(map(str, range(0, 20_000, 9))) + ")",
        "select a, a * b in (null, " + ",".join(map(str, range(0, 400, 3))) + ") from t",
        "select count(*) from t where " + " or ".join(f"(a = {i} and b > {i % 3})" for i in range(40)),
        "select count(*) from t where s not in (" + ",".join(f"'x{i}'" for i in range(3, 10_000)) + ")",
        "select " + ", ".join(f"sum(c{i})" for i in range(20)) + " from wide",
        "select * from wide order by c0 desc limit 2",
    ],
    ids=["joins", "union", "nested", "numbers", "computed", "nulls", "ors", "strings", "sums", "columns"],
)  # fmt: skip
def test_large_queries_are_native(sql: str, pair: Pair) -> None:
    pair.check(sql)


@pytest.mark.parametrize(
    "sql",
    [
        f"select sum({_nested(3000)}) from t",
        "select sum(" + "case when a = 1 then 2 else " * 300 + "0" + " end" * 300 + ") from t",
    ],
    ids=["nested", "cases"],
)
def test_deep_queries_are_answered_or_refused_as_by_duckdb(sql: str, pair: Pair) -> None:
    pair.check(sql, engine=None)


_SUMS = "select " + ", ".join(f"sum(a * {i}), min(b + {i})" for i in range(2, 12)) + " from t where a > 3"


def test_kernels_that_would_take_long_to_compile_are_left_to_duckdb(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "_MOST_TEXT", 1_000)
    assert "would take long to compile" in str(pair.check(_SUMS, engine="duckdb").reason)


def test_long_kernels_are_optimised_with_less_effort(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    efforts: list[Effort] = []
    optimised = compiler.optimised_text

    def noted(text: str, effort: Effort = Effort.FULL) -> object:
        efforts.append(effort)
        return optimised(text, effort)

    monkeypatch.setenv(CACHE_DIR_VARIABLE, str(tmp_path))
    monkeypatch.setenv(OPTIMISE_VARIABLE, "1")
    monkeypatch.setattr(compiler, "optimised_text", noted)
    monkeypatch.setattr(machinecode, "_LONG_TEXT", 1_000)
    pair.check(_SUMS.replace("a > 3", "a > 3 and b <> 2"))
    assert Effort.LESS in efforts
