"""Few groups of united rows are made of the groups of each input, and are the same."""

from __future__ import annotations

import pyarrow as pa
import pytest

from locality.optimizer import unite
from locality.optimizer.unite import unite_groups
from locality.plan.expressions import AggregateCall, ColumnRef, Constant
from locality.plan.nodes import Aggregate, Limit, Node, Project, Scan, Union
from locality.types import BIGINT, DOUBLE
from tests.optimizer.known import Counted
from tests.properties.oracle import Pair

K, V = ColumnRef(0, BIGINT), ColumnRef(1, BIGINT)
ROWS = Counted({"t": [(i % 3, i) for i in range(100)]})
SCAN = Scan("t", (0, 1), (BIGINT,) * 2)
BOTH = Union((SCAN, Project(SCAN, (K, Constant(1, BIGINT)))))


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unite, "_LEAST_ROWS", 100)


def grouped(child: Node, *calls: AggregateCall, by: tuple[ColumnRef, ...] = (K,)) -> Aggregate:
    return Aggregate(child, by, calls)


SUM, COUNT = AggregateCall("sum", (V,), BIGINT), AggregateCall("count_star", (), BIGINT)


@pytest.mark.parametrize("child", [BOTH, Project(BOTH, (K, V))])
@pytest.mark.parametrize("by", [(K,), ()])
def test_inputs_are_grouped(child: Node, by: tuple[ColumnRef, ...]) -> None:
    plan = grouped(child, SUM, COUNT, by=by)
    found = unite_groups(plan, ROWS)
    assert isinstance(found, Aggregate)
    assert isinstance(found.child, Union)
    assert all(isinstance(each, Aggregate) for each in found.child.inputs)
    assert found.types == plan.types


@pytest.mark.parametrize(
    "plan",
    [
        grouped(BOTH, AggregateCall("median", (V,), BIGINT)),
        grouped(BOTH, AggregateCall("sum", (V,), BIGINT, distinct=True)),
        grouped(BOTH, AggregateCall("sum", (ColumnRef(1, DOUBLE),), DOUBLE)),  # in another order another sum
        grouped(BOTH, COUNT, by=(V,)),  # many groups
        grouped(BOTH, COUNT, by=(ColumnRef(0, DOUBLE),)),
        grouped(Limit(BOTH, 150), SUM),
    ],
)
def test_what_stays_as_it_is(plan: Node) -> None:
    assert unite_groups(plan, ROWS) == plan


def test_against_duckdb() -> None:
    def table(seed: int, rows: int) -> pa.Table:
        values = [None if (i * seed) % 7 == 0 else (i * 37 * seed) % 100 for i in range(rows)]
        return pa.table(
            {"k": pa.array([None, "a", "b"][i % 3] for i in range(rows)), "v": pa.array(values, pa.int64())}
        )

    calls = "count(*), count(v), sum(v), avg(v), min(v), max(v) filter (v < 50), count(*) filter (v > 90)"
    with Pair() as pair:
        pair.load("t", [table(1, 300)])
        pair.load("u", [table(2, 300)])
        pair.load("none", [table(3, 0)])
        both = "(select k, v from t union all select k, v + 1 from u union all select * from none)"
        for sql in (
            f"select k, {calls} from {both} group by k",
            f"select {calls} from {both}",
            f"select {calls} from (select v from none union all select v from none)",
            f"select distinct k from {both}",
            f"select v > 9, k, {calls} from {both} where k <> 'b' group by all",
            "select k, sum(n) from (select k, v, 'x' n0, v n from t union all select k, v, 'y', 2 from u) group by k",
        ):
            pair.check(sql)
