"""Keys are found quickly in a table that was put in another order, and as they are after every change."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.effort import examples
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
    columns = {
        "k": pa.array(keys, mask=keys == 77),
        "day": days,
        "x": rng.integers(0, 10**6, ROWS),
        "date": pa.array(-keys.astype(np.int32) // 9, mask=keys % 100 == 0).cast(pa.date32()),
        "price": pa.array(keys * 25 - 10_000).cast(pa.decimal128(19, 0)).cast(pa.decimal128(15, 2)),
        "word": pa.array([f"w{key // 5:05d}" for key in keys.tolist()]),
    }
    table = pa.table(columns)
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


FIRST_ROWS = (
    "order by k, x limit 20",
    "order by k desc nulls last, x limit 7 offset 5",
    "order by k desc nulls first, x limit 7",
    "where day = 5 order by k, x limit 30",
    "where x = 5 order by k, x limit 30",
    "where k > 30000 and day > 3 order by k, x limit 5",
)


@pytest.mark.parametrize("what", FIRST_ROWS)
def test_first_rows_by_key(pair: Pair, what: str) -> None:
    moved = pair.check(f"select k, x, day from t {what}", ordered=True).bytes_moved
    if "nulls first" not in what and "x =" not in what:
        assert moved < read_bytes(pair, "x <> 5") / 3


#: A value of each key column for a number, in the order of numbers; dates ran against it as rows came.
VALUES = {
    "k": "{}",
    "date": "date '1970-01-01' - {} // 9",
    "price": "{} * 0.25 - 100",
    "word": "format('w{{:05d}}', {} // 5)",
}


@settings(max_examples=examples(15), deadline=None)
@given(
    st.sampled_from(sorted(VALUES)),
    st.lists(st.integers(-500, ROWS // 3 + 500), min_size=2, max_size=2),
    st.sampled_from(["", " and x < 300000", " and day between 20 and 60", " or day = 7"]),
    st.sampled_from(["asc", "desc", "desc nulls last", "asc nulls first"]),
    st.sampled_from([1, 9, 300]),
)
def test_ranges_and_first_rows(pair: Pair, column: str, ends: list[int], further: str, order: str, limit: int) -> None:
    low, high = (VALUES[column].format(f"({end})") for end in ends)
    where = f"({column} between least({low}, {high}) and greatest({low}, {high})){further}"
    pair.check(f"select count(*), sum(x), min(k), max(word) from t where {where}")
    sql = "select k, x from t where {} order by {} {}, x, k limit {}"
    pair.check(sql.format(where, column, order, limit), ordered=True)
    pair.check(sql.format("x >= 50", column, order, limit), ordered=True)


def test_changes_are_seen(pair: Pair) -> None:
    for engine in (pair.locality, pair.duckdb):
        engine.sql("delete from t where k in (8, 20000)")
        engine.sql("insert into t (k, day, x) values (20000, 3, 1), (99999, 200, 2), (7, 1, 3)")
        engine.sql("update t set k = 500, day = 7 where k = 31000")
        engine.sql("delete from t where k < 30 or k > 43300")
    for where in LOOKUPS:
        read_bytes(pair, where)
    for what in FIRST_ROWS[::3]:
        pair.check(f"select k, x, day from t {what}", ordered=True)


def test_another_order_keeps_them(pair: Pair) -> None:
    pair.locality.optimize("t", order="x")
    (entry,) = pair.locality._snapshot().entries["t"].layouts
    assert {"k", "date", "price", "word"} <= set(entry.looked_up)
    for where in LOOKUPS:
        read_bytes(pair, where)
    assert read_bytes(pair, "k = 20000") < read_bytes(pair, "day <> 5") / 3
    pair.locality.verify()
