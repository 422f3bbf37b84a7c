"""Totals of whole partitions are groups that are joined to the rows, and give what windows give."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from locality.optimizer.totals import total_partitions
from locality.plan.expressions import ColumnRef, SortKey
from locality.plan.nodes import Aggregate, Join, Limit, Node, Scan, Shared, Window, walk_nodes
from locality.plan.windows import Bound, Frame, WindowCall
from locality.types import BIGINT
from tests.operators import naive
from tests.optimizer.known import Counted
from tests.properties.oracle import Pair

K, V = ColumnRef(0, BIGINT), ColumnRef(1, BIGINT)
SCAN = Scan("t", (0, 1), (BIGINT, BIGINT))
ROWS = {"t": [(i % 3 if i % 7 else None, i) for i in range(40)]}
WHOLE = Frame("range", Bound("unbounded preceding"), Bound("current row"))


def total(name: str = "sum", keys: tuple[SortKey, ...] = (), partition: ColumnRef = K) -> WindowCall:
    return WindowCall(name, (V,), BIGINT, (partition,), keys, WHOLE)


def kinds(node: Node) -> list[type]:
    return [type(each) for each in walk_nodes(node)]


def rewritten(node: Node) -> Node:
    found = total_partitions(node, Counted(ROWS))
    assert found.types == node.types
    assert sorted(naive.evaluate(found, ROWS), key=str) == sorted(naive.evaluate(node, ROWS), key=str)
    return found


def test_totals_become_groups() -> None:
    found = rewritten(Window(SCAN, (total(), total("max"))))
    assert Window not in kinds(found)
    assert kinds(found).count(Aggregate) == 1


def test_what_needs_an_order_stays() -> None:
    running = total(keys=(SortKey(V),))
    for calls in ((running,), (total("row_number"),), (total(), running)):
        assert kinds(rewritten(Window(SCAN, calls))).count(Join) == 0
    by_value = total(keys=(SortKey(V),), partition=V)
    assert kinds(rewritten(Window(SCAN, (total(), by_value)))).count(Window) == 1


def test_many_partitions_are_put_in_order() -> None:
    assert Window in kinds(rewritten(Window(SCAN, (total(partition=V),))))


def test_rows_that_cost_something_are_shared() -> None:
    assert kinds(rewritten(Window(Limit(SCAN, 30), (total(),)))).count(Shared) == 1


_QUERIES = (
    "select k, v, sum(v) over (partition by k), avg(f) over (partition by k), count(*) over () from t",
    "select v, v - avg(v) over (partition by s) d, max(s) over (partition by k, b) from t",
    """select v, min(f) over (partition by s, k order by v rows between unbounded preceding and unbounded following)
    from t""",
    "select v, count(distinct s) over (partition by k), sum(v) filter (where b) over (partition by k) from t",
    "select v, median(f) over (partition by k), quantile_cont(v, 0.25) over (partition by b) from t",
    "select v, stddev(v) over (partition by k), row_number() over (partition by k order by v) from t",
    "select v, sum(v) over (partition by f) from t",
    "select v, rank() over (partition by k order by f nulls last), sum(v) over (partition by k) from t",
    "select k, sum(v) s, sum(sum(v)) over () t, sum(v) / sum(sum(v)) over (partition by b) from t group by k, b",
    "select v from t qualify v = max(v) over (partition by k)",
    "select v, sum(v) over (partition by v % 3), count(s) over (partition by upper(s)) from t where v > 5",
    "select a.v, count(*) over (partition by b.s) from t a join t b on a.v = b.v + 1",
)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    rows = range(60)
    columns = {
        "k": pa.array([None if i % 11 == 0 else i % 4 for i in rows], pa.int32()),
        "v": pa.array(rows, pa.int64()),
        "f": pa.array([[0.0, -0.0, 1.5, float("nan"), None][i % 5] for i in rows]),
        "s": [["a", "b", None, "longer than twelve bytes"][i % 4] for i in rows],
        "b": [[True, False, None][i % 3] for i in rows],
    }
    with Pair() as made:
        made.load("t", [pa.table(columns)])
        yield made


@pytest.mark.parametrize("sql", _QUERIES)
def test_against_duckdb(pair: Pair, sql: str) -> None:
    pair.check(sql)
