"""Hashes, their sums, and approximate counts are DuckDB's to the last digit."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pyarrow as pa
import pytest

from tests.properties.oracle import Pair

ROWS = 3000


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    source = random.Random(3)

    def column(values: list[object], dtype: pa.DataType) -> pa.Array:
        return pa.array([None if source.random() < 0.05 else source.choice(values) for _ in range(ROWS)], dtype)

    extremes: list[object] = [-(2**63), 2**63 - 1, -1, 0, 1, *(source.getrandbits(62) for _ in range(900))]
    texts: list[object] = ["é" * n + "abcdefghij"[: n % 10] for n in range(40)]
    table = pa.table(
        {
            "g": column([1, 2, 3], pa.int8()),
            "i": column(extremes, pa.int64()),
            "s": column(list(range(-300, 300)), pa.int16()),
            "b": column([True, False], pa.bool_()),
            "m": column(list(range(4000)), pa.int64()).cast(pa.decimal128(19, 0)).cast(pa.decimal128(15, 2)),
            "n": column(list(range(99)), pa.int64()).cast(pa.decimal128(19, 0)).cast(pa.decimal128(4, 1)),
            "d": column(list(range(9000, 9900)), pa.int32()).cast(pa.date32()),
            "t": column(texts, pa.string()),
            "u": column([f"{source.getrandbits(99)}"[: source.randrange(30)] for _ in range(ROWS)], pa.string()),
            "f": column([0.0, -0.0, float("nan"), 1.5], pa.float64()),
        }
    )
    with Pair() as both:
        both.load("t", [table.slice(0, 2000), table.slice(2000)])
        yield both


@pytest.mark.parametrize(
    "sql",
    [
        "select approx_count_distinct(i), approx_count_distinct(s), approx_count_distinct(m), count(*) from t",
        "select approx_count_distinct(b), approx_count_distinct(d), approx_count_distinct(distinct t) from t",
        "select g, approx_count_distinct(u), approx_count_distinct(i) filter (s > 0), sum(s) from t group by g",
        "select i % 700, approx_count_distinct(s + 1) from t group by 1",
        "select approx_count_distinct(i), approx_count_distinct(u) from t where s > 1000",
        "select sum(hash(i)), sum(hash(u)), sum(hash(t)), sum(hash(b)), sum(hash(n)) from t",
        "select g, sum(hash(i, u, t, s)), sum(hash(m, d)) filter (s > 7) from t group by g",
        "select hash(i) % 16, hash(u) % 7, count(*) from t where s > 200 group by all",
    ],
)
def test_hashes(pair: Pair, sql: str) -> None:
    pair.check(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select approx_count_distinct(f), sum(hash(f)), sum(hash(f, i)) from t",
        "select i, approx_count_distinct(u) from t group by i",
        "select hash(i), hash(u) from t where hash(s) > 9223372036854775807",
        "select max(hash(s)), avg(hash(b)), min(hash(d)), g from t group by g",
        "select sum(hash(d::timestamptz)), max(hash(s) + 0) from t",
        "select i, sum(distinct hash(s)), approx_count_distinct(i) over () from t group by i",
    ],
)
def test_what_kernels_do_not_hash(pair: Pair, sql: str) -> None:
    pair.check(sql, engine=None)
