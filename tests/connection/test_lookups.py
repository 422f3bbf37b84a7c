"""Keys are found quickly in a table that was put in another order, and as they are after every change."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from tests.properties.oracle import Pair

ROWS = 130_000
LOOKUPS = (
    "k = 20000",
    "k in (7, 8, 31000, 99999)",
    "k between 500 and 503",
    "k is null",
    "k = 20000 and day < 50",
    "k > 43330 or k = 1",
    "k between 5000 and 7000",
    "k >= 41000 and x < 500000",
)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Three rows of each key, which came in the order of keys, now in the order of days."""
    rng = np.random.default_rng(8)
    keys = np.arange(ROWS) // 3
    days = rng.integers(0, 100, ROWS // 3 + 1)[keys]
    table = pa.table({"k": pa.array(keys, mask=keys == 77), "day": days, "x": rng.integers(0, 10**6, ROWS)})
    with Pair() as made:
        made.load("t", [table])
        made.locality.optimize("t", order="day")
        yield made


def read_bytes(pair: Pair, where: str) -> int:
    return pair.check(f"select count(*), sum(x), min(day) from t where {where}").bytes_moved


@pytest.mark.parametrize("where", LOOKUPS)
def test_keys_are_found_in_few_steps(pair: Pair, where: str) -> None:
    moved = read_bytes(pair, where)
    if "null" not in where:
        assert moved < read_bytes(pair, "x <> 5") / 3


def test_parameters_and_joins(pair: Pair) -> None:
    for key in (5, 9, 40_000, 50_000):
        pair.check("select day, x from t where k = $1", [key])
        pair.check("select a.x, b.day from t a join t b using (k) where a.k = $1", [key])


def test_changes_are_seen(pair: Pair) -> None:
    for engine in (pair.locality, pair.duckdb):
        engine.sql("delete from t where k in (8, 20000)")
        engine.sql("insert into t values (20000, 3, 1), (99999, 200, 2), (7, 1, 3)")
        engine.sql("update t set k = 500, day = 7 where k = 31000")
    for where in LOOKUPS:
        read_bytes(pair, where)


def test_another_order_keeps_them(pair: Pair) -> None:
    pair.locality.optimize("t", order="x")
    (entry,) = pair.locality._snapshot().entries["t"].layouts
    assert "k" in entry.looked_up
    for where in LOOKUPS:
        read_bytes(pair, where)
    assert read_bytes(pair, "k = 20000") < read_bytes(pair, "day <> 5") / 3
    pair.locality.verify()
