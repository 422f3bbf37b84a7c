"""Ranges of columns that ascend in few runs: rows are those of a naive filter, and nothing reads the column."""

from __future__ import annotations

import itertools
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
from tests.kernel.both import both
from tests.operators.relations import relation
from tests.properties.effort import examples
from tests.properties.oracle import Pair

ROWS = 100_000
_RANDOM = np.random.default_rng(0)
_KEYS = np.sort(_RANDOM.choice(4 * ROWS, ROWS, replace=False))
#: The keys as they lie where rows are put in the order of 300 days.
RUNS = _KEYS[np.argsort(_RANDOM.integers(0, 300, ROWS), kind="stable")]
SOURCE = relation(
    [pa.table({"x": RUNS[:60_000]}), pa.table({"x": RUNS[60_000:]})],
    lambda _, candidates: next(c for c in candidates if c.encoding == "frame"),
)


def _range(low: int, high: int) -> list[Expression]:
    column = ColumnRef(0, BIGINT)
    return [
        Call(">=", (column, Constant(low, BIGINT)), BOOLEAN),
        Call("<", (column, Constant(high, BIGINT)), BOOLEAN),
    ]


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(-5, 4 * ROWS + 5), st.integers(-5, 4 * ROWS + 5))
def test_rows_are_those_that_pass(low: int, high: int) -> None:
    left, rows = settle(SOURCE, plan_tests(SOURCE, _range(low, high)))
    passing = np.isin(RUNS, np.arange(low, high))
    assert not left or passing.sum() < 0.2 * ROWS  # of few keys, lists of where they lie tell as much
    if rows is None:
        return
    kept = np.zeros(ROWS, np.bool_)
    for segment, ranges in rows.items():
        for start, stop in ranges:
            kept[SOURCE.starts[segment] + start : SOURCE.starts[segment] + stop] = True
    assert (kept == passing).all()


def test_columns_in_no_order_are_read() -> None:
    source = relation([pa.table({"x": _RANDOM.permutation(_KEYS)})])
    left, rows = settle(source, plan_tests(source, _range(0, 2 * ROWS)))
    assert len(left) == 1
    assert rows is None


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=60), min_size=1, max_size=4),
    st.integers(-(2**63), 2**63 - 1) | st.integers(-50, 50),
    st.integers(-(2**63), 2**63 - 1) | st.integers(-50, 50),
)
def test_each_run_is_searched(runs: list[list[int]], low: int, high: int) -> None:
    codes = np.concatenate([np.sort(np.array(run, np.int32)) for run in runs])
    starts = np.cumsum([0, *map(len, runs)])
    for find in both("find_in_runs"):
        firsts, ends = np.empty(len(runs), np.int64), np.empty(len(runs), np.int64)
        found = find(codes, starts, np.int64(low), np.int64(high), firsts, ends)
        expected = [np.count_nonzero((codes[a:b] >= low) & (codes[a:b] <= high)) for a, b in itertools.pairwise(starts)]
        assert np.maximum(ends - firsts, 0).tolist() == expected
        assert found == sum(expected)
        for first, end in zip(firsts, ends, strict=True):
            assert all(low <= code <= high for code in codes[first:end])


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as both_engines:
        days = _RANDOM.integers(0, 90, ROWS)
        keys = np.arange(ROWS) * 7 + _RANDOM.integers(0, 6, ROWS)
        table = pa.table({"k": keys, "day": days, "n": _RANDOM.integers(0, 99, ROWS), "t": keys % 13})
        both_engines.load("t", [table])
        both_engines.locality.optimize("t", order=["day"])
        yield both_engines


def test_sums_of_no_whole_zone_do_not_read_the_keys(pair: Pair) -> None:
    profile = pair.check("select count(*), sum(n) from t where k between 100000 and 400000")
    assert set(profile.touched) == {"t.n"}


@pytest.mark.parametrize(
    "after", ["", "delete from t where n = 5", "insert into t select k + 1, day, n, t from t where k < 99"]
)
def test_answers_are_duckdbs_over_a_table_in_another_order(pair: Pair, after: str) -> None:
    if after:
        pair.locality.sql(after)
        pair.duckdb.execute(after)
    for low, high in ((0, 700_000), (1000, 300_000), (123_456, 123_999), (650_000, 10**12), (-5, -1), (500, 100)):
        pair.check(f"select count(*), sum(n), min(day), max(t) from t where k between {low} and {high}")
        pair.check(f"select sum(n) from t where k between {low} and {high} and n < 50 and day > 20")
        pair.check(f"select k, day from t where k between {low} and {high} and n = 7 order by k")
        pair.check(f"select day, count(*) from t where k > {low} and k <= {high} group by day order by day")
