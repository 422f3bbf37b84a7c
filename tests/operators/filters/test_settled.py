"""Tests that bounds settle: the rows are those of a naive filter, the column is not read, and answers are DuckDB's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality.operators.filters.conditions import plan_tests
from locality.operators.filters.settled import settle
from locality.plan.expressions import Call, ColumnRef, Constant, Expression
from locality.types import BIGINT, BOOLEAN
from tests.operators.relations import relation
from tests.properties.effort import examples
from tests.properties.oracle import Pair

ROWS = 200_000
NUMBERS = np.arange(ROWS)
ORDERS = {
    "ascending": NUMBERS // 3,
    "descending": ROWS - NUMBERS,
    "sawtooth": NUMBERS % 100_000,
    "near": NUMBERS // 5000 * 5000 + np.random.default_rng(1).permutation(ROWS) % 5000,
}
SOURCES = {
    name: relation(
        [pa.table({"x": values[:150_000]}), pa.table({"x": values[150_000:]})],
        lambda _, candidates: next(c for c in candidates if c.encoding == "frame"),
    )
    for name, values in ORDERS.items()
}


def _range(low: int, high: int) -> list[Expression]:
    column = ColumnRef(0, BIGINT)
    return [
        Call(">=", (column, Constant(low, BIGINT)), BOOLEAN),
        Call("<", (column, Constant(high, BIGINT)), BOOLEAN),
    ]


@settings(max_examples=examples(60), deadline=None)
@given(st.sampled_from(sorted(ORDERS)), st.integers(-5, ROWS + 5), st.integers(-5, ROWS + 5))
def test_rows_are_those_that_pass(name: str, low: int, high: int) -> None:
    source = SOURCES[name]
    left, rows = settle(source, plan_tests(source, _range(low, high)))
    assert (rows is None) == bool(left)
    if rows is None:
        return
    kept = np.zeros(ROWS, np.bool_)
    for segment, ranges in rows.items():
        for start, stop in ranges:
            kept[source.starts[segment] + start : source.starts[segment] + stop] = True
    assert (kept == ((ORDERS[name] >= low) & (ORDERS[name] < high))).all()


def test_ranges_of_rows_in_order_are_settled_and_scattered_ones_are_not() -> None:
    def is_settled(name: str, high: int) -> bool:
        return settle(SOURCES[name], plan_tests(SOURCES[name], _range(101, high)))[1] is not None

    assert [is_settled(name, 90_007) for name in ORDERS] == [True, True, True, False]
    assert not is_settled("descending", 20_000)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made:
        holes = NUMBERS % 7 == 3
        table = pa.table(
            {
                "x": ORDERS["descending"],
                "y": ORDERS["ascending"],
                "n": pa.array(NUMBERS % 1000, mask=holes),
                "r": NUMBERS // 1000 % 3,
                "s": pa.array([f"s{i % 50}" for i in range(ROWS)]),
                "t": pa.array([f"{i * 7919 % ROWS:06d} text" for i in range(ROWS)], mask=holes),
            }
        )
        made.load("t", [table.slice(0, 150_000), table.slice(150_000)])
        made.load("u", [pa.table({"k": np.arange(0, 1000, 3), "w": np.arange(334) % 5})])
        yield made


@pytest.mark.parametrize(
    "sql",
    [
        "select s, count(n), sum(n), min(r) from t where {} group by s",
        "select r, count(*), max(t) from t where {} and n > 500 group by r",
        "select count(*), min(t), count(distinct n) from t where {} and n is not null",
        "select n, s from t where {} and s = 's7' and n < 60",
        "select n, t, s from t where {} and n is not null order by t desc limit 5",
        "select w, count(*), sum(r) from t join u on t.n = u.k where {} group by w",
        "select t from t where {} and t like '0000%'",
    ],
)
def test_answers_are_those_of_duckdb(pair: Pair, sql: str) -> None:
    for low, high in ((20_003, 180_001), (1, 131_075), (69_999, 150_001), (-7, 10**6)):
        profile = pair.check(sql.format(f"x >= {low} and x < {high}"))
        assert "t.x" not in profile.touched
    pair.check(sql.format("x > 40001 and y between 1001 and 60001"))


def test_a_column_that_is_read_anyway_is_tested_as_it_is_read(pair: Pair) -> None:
    for reads, settled in (("x // 50000", False), ("r", True)):
        sql = f"select {reads} as part, count(n) from t where x >= 20003 and x < 180001 group by part"
        assert ("t.x" not in pair.check(sql).touched) == settled
        assert ("rows: 2 ranges" in str(pair.locality.explain(sql))) == settled
