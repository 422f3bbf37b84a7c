"""Filters that keep the first rows of each partition, with rows dropped before they are sorted: DuckDB's answers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from tests.properties.oracle import Pair


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    rng = np.random.default_rng(3)
    rows = 900
    reals = np.array([0.0, -0.0, 1.5, -2.25, np.inf, -np.inf, np.nan, 3.0])
    table = pa.table(
        {
            "id": pa.array(rng.permutation(rows)),
            "g": pa.array(rng.integers(0, 12, rows), mask=rng.random(rows) < 0.1),
            "s": pa.array(np.array(["", "a", "b"])[rng.integers(0, 3, rows)], mask=rng.random(rows) < 0.2),
            "x": pa.array(reals[rng.integers(0, 8, rows)], mask=rng.random(rows) < 0.2, from_pandas=False),
            "wide": pa.array(rng.integers(-(2**62), 2**62, rows), mask=rng.random(rows) < 0.2),
        }
    )
    with Pair() as made:
        made.load("t", [table])
        yield made


def _query(call: str, window: str, where: str) -> str:
    return f"select * from (select *, {call} over ({window}) as r from t) where {where}"


@pytest.mark.parametrize("where", ["r <= 2", "r < 3", "r = 1", "2 >= r", "3 > r and r > 1 and x is not null", "r <= 0"])
@pytest.mark.parametrize("call", ["row_number()", "rank()"])
@pytest.mark.parametrize(
    "window",
    [
        "partition by g order by x desc nulls last, id",
        "partition by g, s order by wide, x, id",
        "partition by s order by x nulls first, s, wide desc, id",
        "order by wide nulls first, id desc",
    ],
)
def test_first_rows_of_partitions(pair: Pair, window: str, call: str, where: str) -> None:
    pair.check(_query(call, window, where))
    assert "rows of each partition" in str(pair.locality.explain(_query(call, window, where)))


@pytest.mark.parametrize("window", ["partition by g order by x", "partition by s order by s, x desc"])
def test_ranks_of_rows_that_tie(pair: Pair, window: str) -> None:
    pair.check(_query("rank()", window, "r <= 3"))


@pytest.mark.parametrize(
    ("call", "where"),
    [
        ("dense_rank()", "r <= 2"),
        ("row_number()", "r >= 2"),
        ("row_number()", "r <= 2 or x = 3"),
        ("row_number()", "r <= 99"),
        ("count(*)", "r <= 2"),
    ],
)
def test_what_needs_all_rows(pair: Pair, call: str, where: str) -> None:
    sql = _query(call, "partition by g order by x, id", where)
    pair.check(sql)
    assert "rows of each partition" not in str(pair.locality.explain(sql))
