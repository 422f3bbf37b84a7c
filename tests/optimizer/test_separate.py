"""Aggregates that need sorted groups are kept apart from those that do not."""

from __future__ import annotations

import pyarrow as pa
import pytest

from locality.optimizer.separate import separate_sorted
from locality.plan.expressions import AggregateCall, ColumnRef
from locality.plan.nodes import Aggregate, Join, Limit, Node, Scan, walk_nodes
from locality.types import BIGINT
from tests.optimizer.known import Counted
from tests.properties.oracle import Pair

K, V = ColumnRef(0, BIGINT), ColumnRef(1, BIGINT)
SCAN = Scan("t", (0, 1), (BIGINT, BIGINT))
ROWS = Counted({"t": [(i % 3, i) for i in range(100)]})


def grouped(*names: str, by: ColumnRef = K, child: Node = SCAN) -> Aggregate:
    return Aggregate(child, (by,), tuple(AggregateCall(name, (V,), BIGINT) for name in names))


def joins(node: Node) -> int:
    return sum(isinstance(each, Join) for each in walk_nodes(node))


def test_aggregates_of_both_sorts_are_joined() -> None:
    plan = grouped("sum", "median", "max", "mode")
    found = separate_sorted(plan, ROWS)
    assert joins(found) == 1
    assert found.types == plan.types
    calls = [[call.name for call in each.aggregates] for each in walk_nodes(found) if isinstance(each, Aggregate)]
    assert calls == [["median", "mode"], ["sum", "max"]]


@pytest.mark.parametrize(
    "plan",
    [
        grouped("sum", "max"),
        grouped("median", "mode"),
        grouped("sum", "median", by=V),
        grouped("sum", "median", child=Limit(SCAN, 50)),
    ],
)
def test_what_stays_as_it_is(plan: Node) -> None:
    assert separate_sorted(plan, ROWS) == plan


def test_against_duckdb() -> None:
    rows = range(400)
    columns = {
        "k": pa.array([None if i % 7 == 0 else i % 5 for i in rows], pa.int32()),
        "f": pa.array([[0.0, -0.0, 1.5, float("nan"), None][i % 5] for i in rows]),
        "v": pa.array([None if i % 9 == 0 else (i * 37) % 100 for i in rows], pa.int64()),
    }
    with Pair() as pair:
        pair.load("t", [pa.table(columns)])
        for sql in (
            "select k, sum(v), median(v), count(*), quantile_disc(v, 0.9), avg(v) from t group by k",
            "select k, f, median(v), stddev(v), max(v) filter (v < 50) from t group by k, f",
            "select f, median(v) filter (v > 9), count(distinct v), quantile_cont(v, [0.1, 0.5]) from t group by f",
            "select median(v), sum(v), min(k), median(k) from t",
            "select k, first(v order by v desc), sum(v) s, median(f) from t group by k having sum(v) > 10",
        ):
            pair.check(sql)
