"""Window functions in SQL: DuckDB's values and types, answered by Locality."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.oracle import Pair


def _table(seed: int, rows: int) -> pa.Table:
    rng = np.random.default_rng(seed)

    def nulls(share: float = 0.15) -> np.ndarray:
        return rng.random(rows) < share

    reals = np.array([0.0, -0.0, 1.5, -2.25, 1e300, math.inf, -math.inf, math.nan])
    return pa.table(
        {
            "id": pa.array(rng.permutation(rows)),
            "g": pa.array(np.array(["", "a", "b", "é"])[rng.integers(0, 4, rows)], mask=nulls()),
            "k": pa.array(rng.integers(-4, 5, rows).astype("int32"), mask=nulls()),
            "i": pa.array(rng.integers(-(2**62), 2**62, rows), mask=nulls()),
            "u": pa.array(rng.integers(0, 2**64, rows, dtype=np.uint64), mask=nulls()),
            "f": pa.array(rng.integers(-30, 30, rows) / np.float32(8), pa.float32(), mask=nulls()),
            "x": pa.array(reals[rng.integers(0, 8, rows)], mask=nulls(), from_pandas=False),
            "d": pa.array(rng.integers(-(10**6), 10**6, rows)).cast(pa.decimal128(19, 0)).cast(pa.decimal128(12, 2)),
            "day": pa.array(rng.integers(19000, 19010, rows).astype("int32"), mask=nulls()).cast(pa.date32()),
            "b": pa.array(rng.random(rows) < 0.5, mask=nulls()),
            "h": pa.array(
                [Decimal(int(n)) * 10**17 for n in rng.integers(-(10**18), 10**18, rows)], pa.decimal128(38, 0)
            ),
        }
    )


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made:
        made.load("t", [_table(0, 70), _table(1, 40)])
        made.load("nothing", [_table(2, 0)])
        yield made


UNIQUE = "order by k, id, d"
FUNCTIONS = {
    "ranks": ["row_number()", "rank()", "dense_rank()", "percent_rank()", "cume_dist()", "ntile(3)"],
    "neighbours": ["lag(g)", "lag(i, 2)", "lead(x, 1, 0.5)", "lag(day, -1)", "lead(d, 0)"],
    "places": ["first_value(g)", "last_value(x)", "nth_value(u, 3)", "any_value(g)"],
    "counts": ["count(*)", "count(b)", "count(g)"],
    "sums": [f"sum({column})" for column in "kiudbfh"],
    "averages": [f"avg({column})" for column in "kiudfh"],
    "extremes": ["min(k)", "max(g)", "min(x)", "max(x)", "min(day)", "max(b)", "min(d)", "max(u)", "min(h)", "max(h)"],
    "conditions": ["bool_and(b)", "bool_or(b)"],
}
FRAMES = (
    "",
    "rows between unbounded preceding and current row",
    "rows between 3 preceding and 2 following",
    "rows between 2 following and unbounded following exclude ties",
    "rows between unbounded preceding and unbounded following exclude current row",
    "groups between 1 preceding and 1 following",
    "groups between current row and 2 following exclude group",
)


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("frame", FRAMES)
def test_functions_over_frames(frame: str, kind: str, pair: Pair) -> None:
    listed = ", ".join(f"{function} over (partition by g {UNIQUE} {frame})" for function in FUNCTIONS[kind])
    pair.check(f"select id, {listed} from t")


@pytest.mark.parametrize("function", ["sum(x)", "avg(x)"])
@pytest.mark.parametrize(
    "frame", ["rows between unbounded preceding and current row", "rows between 1 preceding and 1 following"]
)
def test_sums_of_special_values(function: str, frame: str, pair: Pair) -> None:
    small = "case when x = 1e300 then 0.25 else x end"
    pair.check(f"select id, {function.replace('x', small)} over ({UNIQUE} {frame}) from t")


@pytest.mark.parametrize(
    "over",
    [
        "order by k range between 2 preceding and 1 following",
        "order by k desc nulls first range between 2 preceding and 1 following",
        "partition by g order by k nulls first range between unbounded preceding and 1 preceding",
        "partition by b order by d range between 100.5 preceding and current row exclude group",
        "order by f range between 0.5 preceding and 0.5 following",
        "order by x range between 1 preceding and 1 following",
        "order by day range between interval 2 day preceding and interval 1 day following",
        "order by k range between k + 5 preceding and unbounded following",
    ],
)
def test_ranges(over: str, pair: Pair) -> None:
    key = over.split("order by ")[1].split(" ")[0]
    functions = ("count(*)", "sum(k)", "min(i)", f"first_value({key})", f"last_value({key})")
    listed = ", ".join(f"{function} over ({over})" for function in functions)
    pair.check(f"select id, {listed} from t")


@pytest.mark.parametrize(
    "sql",
    [
        "select id, row_number() over () from nothing",
        "select id, sum(i) over (partition by g order by k), lag(x) over (order by id) from nothing",
        "select g, sum(sum(d)) over (order by g) from t group by g",
        "select id, k from t qualify row_number() over (partition by g order by k nulls last, id, d) <= 2",
        "select id, sum(k) filter (b) over (partition by g order by day), count(*) filter (k > 0) over () from t",
        "select id, first_value(k ignore nulls) over w, lag(k, 2 ignore nulls) over w from t window w as (order by d)",
        "select id, last_value(day ignore nulls) over (partition by b order by id, d) from t",
        "select count(*) from (select rank() over (partition by g order by d) as r from t) where r = 1",
        "select id, d / sum(d) over (partition by g) from t where k is not null",
        "select id, sum(1) over (order by id), min('c') over (), lead(7, 1, 8) over (order by id) from t",
        "select id, max(r) over () from (select id, dense_rank() over (order by day) as r from t)",
        "select a.id, rank() over (order by a.d + b.d) from t a join t b on a.id = b.id where a.k < 0",
        "select id, sum(k) over (order by id, d rows 2 preceding), sum(k) over () from t order by id, d limit 9",
        "select k, g from t intersect all select k, g from t where b",
        "select k, x from t except all select k, x from t where b",
    ],
)
def test_queries(sql: str, pair: Pair) -> None:
    pair.check(sql)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("select ntile(0) over (order by id) from t", ""),
        ("select sum(k) over (order by id rows between k preceding and current row) from t", ""),
        (
            "select count(distinct k) over (partition by g order by id, d rows 2 preceding) from t",
            "DISTINCT",
        ),
        ("select stddev(k) over (partition by g order by id) from t", "window function stddev"),
        ("select lag(k, null) over (order by id, d) from t", "lag by NULL"),
    ],
)
def test_what_duckdb_answers(sql: str, reason: str, pair: Pair) -> None:
    profile = pair.check(sql, engine=None)
    assert profile.engine != "locality"
    assert reason in profile.reason


_BOUNDS = [
    "unbounded preceding",
    "2 preceding",
    "1 preceding",
    "current row",
    "1 following",
    "3 following",
    "unbounded following",
]


@settings(max_examples=25)
@given(
    st.sampled_from(["rows", "range", "groups"]),
    st.tuples(st.integers(0, 5), st.integers(1, 6)).filter(lambda ends: ends[0] <= ends[1]),
    st.sampled_from(["", "exclude current row", "exclude group", "exclude ties"]),
    st.sampled_from(["k", "k desc", "k nulls first", "k desc nulls last"]),
    st.sampled_from(["", "partition by g", "partition by g, b"]),
)
def test_drawn_frames(pair: Pair, unit: str, ends: tuple[int, int], exclude: str, order: str, partition: str) -> None:
    key = f"{order}, id, d" if unit == "rows" else order
    start, end = (_BOUNDS[i] for i in ends)
    over = f"{partition} order by {key} {unit} between {start} and {end} {exclude}"
    functions = ["count(*)", "sum(i)", "avg(f)", "max(g)"] + (["first_value(u)"] if unit == "rows" else [])
    pair.check("select id, " + ", ".join(f"{function} over ({over})" for function in functions) + " from t")
