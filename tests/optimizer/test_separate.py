"""Aggregates that need sorted groups are kept apart from those that do not, and very many from each other."""

from __future__ import annotations

import pyarrow as pa
import pytest

from locality.optimizer.separate import separate_aggregates
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
    found = separate_aggregates(plan, ROWS)
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
    assert separate_aggregates(plan, ROWS) == plan


def wide(width: int, groups: tuple[ColumnRef, ...] = ()) -> Aggregate:
    columns = [ColumnRef(i, BIGINT) for i in range(width)]
    calls = [AggregateCall(name, (column,), BIGINT) for name in ("sum", "min", "max") for column in columns]
    return Aggregate(Scan("wide", tuple(range(width)), (BIGINT,) * width), groups, tuple(calls))


@pytest.mark.parametrize("groups", [(), (K,)])
def test_very_many_aggregates_are_of_several_kernels(groups: tuple[ColumnRef, ...]) -> None:
    plan = wide(30, groups)
    statistics = Counted({"wide": [(0,) * 30] * 100})
    found = separate_aggregates(plan, statistics)
    assert found.types == plan.types
    parts = [each for each in walk_nodes(found) if isinstance(each, Aggregate)]
    assert [len(part.aggregates) for part in parts] == [39, 39, 12]
    assert sum(len({call.args for call in part.aggregates}) for part in parts) == 30
    assert separate_aggregates(wide(20, groups), statistics) == wide(20, groups)


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


def test_very_many_aggregates_against_duckdb() -> None:
    """Without groups, of no rows, and by keys with NULL."""
    columns = {f"c{i}": pa.array([None if (i + j) % 11 == 0 else i * j for j in range(300)]) for i in range(24)}
    calls = ", ".join(f"sum(c{i}), min(c{i}), count(c{i})" for i in range(24))
    with Pair() as pair:
        pair.load("t", [pa.table({"k": pa.array([None, 1, 2] * 100), **columns})])
        for sql in (
            f"select {calls} from t",
            f"select {calls} from t where k > 5",
            f"select k, {calls} from t group by k",
        ):
            pair.check(sql)
