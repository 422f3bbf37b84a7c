"""Moments of values and of pairs, and DISTINCT beside other aggregates: DuckDB's values, answered by Locality."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from locality.operators.aggregation import aggregates
from tests.properties.oracle import Pair

ROWS = 4000
MONEY = pa.decimal128(21, 2)
PAIRS = (
    "corr(x, y), covar_pop(x, y), covar_samp(n, x), regr_count(y, n), regr_avgx(x, y), regr_avgy(x, y)",
    "regr_sxx(x, y), regr_syy(x, y), regr_sxy(x, y), regr_slope(y, x), regr_intercept(y, x), regr_r2(n, x)",
    "corr(x, y) filter (b), regr_slope(n, d) filter (x > 0), stddev(x), sem(n), sem(x), count(*)",
    "skewness(e), kurtosis(e), kurtosis_pop(e), skewness(e * 2) filter (b)",
)
DISTINCT = (
    "sum(distinct n), count(distinct x), count(*), sum(n)",
    "avg(distinct n) filter (b), sum(distinct n), avg(x), count(distinct s), min(distinct d)",
    "count(distinct s) filter (x > 0), count(distinct upper(s)), stddev(distinct n), max(s)",
)


def _table(seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)

    def nulls() -> np.ndarray:
        return rng.random(ROWS) < 0.15

    x = rng.normal(size=ROWS) * 10 + 100
    return pa.table(
        {
            "g": pa.array(np.array(["a", "b", "c"])[rng.integers(0, 3, ROWS)], mask=nulls()),
            "many": pa.array(rng.integers(0, 900, ROWS) * 1_000_003),
            "x": pa.array(x, mask=nulls()),
            "y": pa.array(3 * x + rng.normal(size=ROWS), mask=nulls()),
            "e": pa.array(rng.exponential(size=ROWS)),
            "n": pa.array(rng.integers(-50, 50, ROWS), mask=nulls()),
            "d": pa.array(rng.integers(-500, 500, ROWS)).cast(pa.decimal128(19, 0)).cast(pa.decimal128(21, 2)),
            "s": pa.array([f"Text {i}" for i in rng.integers(0, 3000, ROWS)], mask=nulls()),
            "b": pa.array(rng.random(ROWS) < 0.5, mask=nulls()),
        }
    )


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made:
        made.load("t", [_table(0), _table(1)])
        yield made


@pytest.mark.parametrize("where", ["", " where many < 400000000 and n is not null", " where n > 1000"])
@pytest.mark.parametrize("calls", PAIRS)
def test_moments_of_all_rows(calls: str, where: str, pair: Pair) -> None:
    pair.check(f"select {calls} from t{where}")


@pytest.mark.parametrize("calls", PAIRS[:3])
@pytest.mark.parametrize("key", ["g", "many, g"])
def test_moments_of_groups(key: str, calls: str, pair: Pair) -> None:
    having = " having count(*) > 5 and count(x) > 3 and count(y) > 3 and count(n) > 3" if key == "many, g" else ""
    pair.check(f"select {key}, {calls} from t group by {key}{having}")


@pytest.mark.parametrize("key", ["", "g", "many"])
@pytest.mark.parametrize("calls", DISTINCT)
def test_distinct_beside_other_aggregates(calls: str, key: str, pair: Pair) -> None:
    pair.check(f"select {key}, {calls} from t group by {key}" if key else f"select {calls} from t")


@pytest.mark.parametrize("values", ["(1.0, 5), (2, 5), (3, 5)", "(5.0, 1), (5, 2)", "(1.0, 2)", "(null::double, 2)"])
def test_pairs_that_do_not_vary(values: str, pair: Pair) -> None:
    functions = ("corr", "covar_samp", "regr_slope", "regr_intercept", "regr_r2", "regr_sxy", "regr_count")
    calls = ", ".join(f"{function}(y, x)" for function in functions)
    pair.check(f"select {calls} from (values {values}) v(y, x)")


def test_moments_out_of_range_are_left_to_duckdb(pair: Pair) -> None:
    for value in ("'inf'::double", "'nan'::double", "1e300"):
        sql = f"select covar_pop(y, x) from (values ({value}, 1.0), (-1e300, {value})) v(y, x)"
        assert "out of range" in pair.check(sql, engine="duckdb").reason


def test_a_moment_that_rounding_decides_about_is_left_to_duckdb(pair: Pair) -> None:
    pair.check("select skewness(x) from (values (1e9), (1e9 + 1), (1e9 + 3)) v(x)", engine="duckdb")


@pytest.mark.parametrize("scale", [1, 200_000])
def test_variances_are_the_same_in_words_and_in_pythons_integers(scale: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values times ``scale``: what the variance is made of fits 53 bits, or does not."""
    fits: list[bool] = []
    exact = aggregates._products_are_exact

    def noted(*of: Any) -> bool:
        fits.append(exact(*of))
        return fits[-1]

    rng = np.random.default_rng(7)
    rows = rng.integers(-900, 900, ROWS) * scale
    calls = "stddev(v), var_pop(v), sem(v), variance(m), stddev_pop(v) filter (v > 0)"
    sql = f"select g, {calls} from t group by g order by g"
    with Pair() as made:
        made.load("t", [pa.table({"g": rng.integers(0, 900, ROWS), "v": rows, "m": pa.array(rows % 700).cast(MONEY)})])
        monkeypatch.setattr(aggregates, "_products_are_exact", noted)
        made.check(sql)
        words = made.locality.sql(sql).fetchall()
        monkeypatch.setattr(aggregates, "_products_are_exact", lambda *of: False)
        assert made.locality.sql(sql).fetchall() == words
    assert any(fits)
    assert all(fits) == (scale == 1)
