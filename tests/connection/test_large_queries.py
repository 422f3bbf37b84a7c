"""Queries of unusual size: each is answered as DuckDB answers it, or refused by an error, in bounded time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

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
        "select count(*) from t where s not in (" + ",".join(f"'x{i}'" for i in range(3, 10_000)) + ")",
        "select " + ", ".join(f"sum(c{i})" for i in range(20)) + " from wide",
        "select * from wide order by c0 desc limit 2",
    ],
    ids=["joins", "union", "nested", "numbers", "strings", "sums", "columns"],
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
