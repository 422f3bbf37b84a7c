"""Aggregates over sorted groups: DuckDB's values and types, answered by Locality."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from locality.errors import MemoryLimitError
from locality.operators.aggregation import selected
from locality.operators.aggregation import sorted as sorted_groups
from locality.operators.aggregation.selected import large_groups
from locality.operators.build import Builder
from locality.operators.windows import ordered
from locality.optimizer.distinct import split_distinct_aggregates
from locality.plan.expressions import AggregateCall, ColumnRef
from locality.plan.nodes import Aggregate
from locality.types import BIGINT
from tests.operators.relations import execution, relation, scan_of
from tests.properties.oracle import Pair
from tests.versions import is_its_own


def _table(seed: int, rows: int) -> pa.Table:
    rng = np.random.default_rng(seed)

    def nulls() -> np.ndarray:
        return rng.random(rows) < 0.2

    reals = np.array([0.0, -0.0, 1.5, -2.25, 7.0, math.inf, -math.inf, math.nan])
    return pa.table(
        {
            "id": pa.array(rng.permutation(rows) + 1000 * seed),
            "g": pa.array(np.array(["", "a", "b", "é"])[rng.integers(0, 4, rows)], mask=nulls()),
            "n": pa.array(rng.integers(-20, 20, rows).astype("int32"), mask=nulls()),
            "u": pa.array(rng.integers(0, 2**64, rows, dtype=np.uint64), mask=nulls()),
            "x": pa.array(reals[rng.integers(0, 8, rows)], mask=nulls(), from_pandas=False),
            "y": pa.array(rng.integers(-9, 9, rows) / 4, mask=nulls()),
            "day": pa.array(rng.integers(19000, 19010, rows).astype("int32"), mask=nulls()).cast(pa.date32()),
            "b": pa.array(rng.random(rows) < 0.5, mask=nulls()),
            "w": pa.array([Decimal(v) * 10**20 for v in rng.integers(-9, 9, rows).tolist()], pa.decimal128(30, 4)),
        }
    )


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Partitions in parts of a few rows each, which are otherwise computed in one."""
    monkeypatch.setattr(ordered, "_SHARD_ROWS", 8)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made:
        made.duckdb.execute("set threads to 1")  # the first of several rows is then the first one stored
        made.load("t", [_table(0, 60), _table(1, 25)])
        made.load("nothing", [_table(2, 0)])
        yield made


CALLS = (
    "any_value(n), first(g), last(x), first(day)",
    "arg_min(g, id), arg_max(n, id), arg_min(x, id), arg_max(id, y * 1000 + id)",
    "median(n), median(y), median(x), quantile_cont(n, 0.25), quantile_cont(y, 0.9), median(u)",
    "quantile_disc(n, 0.25), quantile_disc(g, 0.5), quantile_disc(day, 0.0), quantile_disc(x, 1.0)",
    "bit_and(n), bit_or(u), bit_xor(n), bit_and(u), product(y)",
    "bit_and(n), bit_or(u), bit_xor(n), bit_and(u), sum(n), min(n)",
    "bit_xor(distinct n), bit_or(n) filter (b), bit_and(distinct n)",
    "count_if(b), count_if(n > 3) filter (b), countif(nullif(b, b)), mad(n)",
    "median(day), median(n::decimal(9, 2)), quantile_cont(n::decimal(9, 2), [0.25, 1.0]), median(u::float), mad(y)",
    "quantile_cont(y, [0.5, 1.0]), quantile_disc(g, [0.0, 0.7]), mad(n::decimal(9, 2)), median(make_timestamp(id))",
    "list(n order by id), list(g order by y desc nulls first, id), list(id order by id) filter (b)",
    "string_agg(g, ', ' order by id desc), string_agg(n::varchar || 'x', '' order by n, id), string_agg(g, ',')",
    "list(distinct n order by n), string_agg(distinct g, ',' order by g desc), first(x order by id desc)",
    "first(g order by y nulls first, id), last(g order by id), arbitrary(n), max_by(g, id), min_by(x, id)",
    "approx_count_distinct(n), approx_count_distinct(g) filter (b), fsum(y), avg(day), mad(day), sum(w), avg(w)",
    "sum(w), avg(w), min(w), max(w) filter (b), count(w), max(n)",
    "avg(day::timestamp), sum(distinct n), min(w), count(distinct w), max(upper(g))",
    "max(n, 3), min(y, 2), arg_max(g, id, 2), min_by(id, id, 4) filter (b), max(g, 1)",
    "first([n] order by id), any_value([id]), min(string_split(g, 'a')), len(list(n)), list([n, id] order by id)",
    "median(y), stddev(n), corr(n, y), count(distinct g), sum(distinct n), regr_count(n, y), skewness(id), min(g)",
    "any_value(n) filter (b), median(y) filter (n > 0), count(*), count(n), sum(n), avg(y), min(g), bool_or(b)",
)


@pytest.mark.parametrize("table", ["t", "nothing"])
@pytest.mark.parametrize("keys", ["", "g", "g, b", "x", "n + 1"])
@pytest.mark.parametrize("calls", CALLS)
def test_aggregates(calls: str, keys: str, table: str, pair: Pair) -> None:
    if keys:
        pair.check(f"select {keys}, {calls} from {table} group by {keys}")
    else:
        pair.check(f"select {calls} from {table}")


@pytest.mark.parametrize("keys", ["g", "b, g", "1", "x", "make_timestamp(n * 3600000000)"])
def test_quantiles_of_large_groups_are_selected(keys: str, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selected, "_LARGE", 1)
    monkeypatch.setattr(selected, "_LEAST_TASK", 30)
    found = []
    monkeypatch.setattr(sorted_groups, "large_groups", lambda *args: found.append(large_groups(*args)) or found[-1])
    calls = "median(n), quantile_cont(y, [0.0, 0.25, 1.0]), median(x) filter (id > 20), mad(y), stddev(n), max(g)"
    pair.check(f"select {keys}, {calls} from t group by {keys}")
    pair.check(
        f"select {keys}, quantile_disc(n, 0.4), quantile_disc(g, 0.9) filter (b), mad(n) filter (id < 40), var_pop(y) "
        f"from t group by {keys}"
    )
    pair.check(f"select {keys}, median(u), quantile_disc(w, 0.5) filter (n > 9), corr(n, y) from t group by {keys}")
    assert len(found) == 3
    assert None not in found


@pytest.mark.parametrize(
    "sql",
    [
        "select g from t group by g having any_value(b)",
        "select sum(m) from (select median(n) as m from t group by g)",
        "select t.g, arg_max(u.n, u.id) from t join t u on t.id = u.id where u.b group by t.g",
        "select g, median(y) from t where id > 10 group by rollup(g)",
        "select id, lag([n, id]) over (order by id), first_value([n]) over (partition by g order by id) from t",
        "select t.id, u.l from t left join (select g, list(id order by id) as l from t where b group by g) u using (g)",
        "select id, arg_min(n, id) over (partition by g order by id rows between 2 preceding and current row) from t",
    ],
)
def test_what_reads_them_and_what_they_read(sql: str, pair: Pair) -> None:
    pair.check(sql)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("select quantile_cont(n::decimal(9, 2), 0.3) from t", "rounding decides"),
        ("select quantile_cont(day, 0.3) from (select * from t where day is not null limit 5)", "rounding decides"),
        ("select quantile_cont(n, -0.5) from t", "aggregate quantile_cont"),
        ("select approx_quantile(n, 0.5) from t", "aggregate approx_quantile"),
    ],
)
def test_what_duckdb_answers(sql: str, reason: str, pair: Pair) -> None:
    found = pair.check(sql, engine="duckdb").reason
    assert reason in found or is_its_own(found)


def test_the_memory_limit_holds() -> None:
    source = relation([pa.table({"n": [1, 2, 3]})])
    node = Aggregate(scan_of(source), (), (AggregateCall("any_value", (ColumnRef(0, BIGINT),), BIGINT),))
    operator = Builder(lambda scan: source, 1, split_distinct_aggregates).build(node)
    with execution(memory=10) as running, pytest.raises(MemoryLimitError, match="aggregation"):
        operator.execute(running)
