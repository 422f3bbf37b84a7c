"""Aggregations that move below a left join give the same rows; those that would not stay."""

from __future__ import annotations

import pytest

from locality.optimizer.eager import aggregate_early
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Expression
from locality.plan.nodes import Aggregate, Join, JoinKey, JoinKind, Node, Project, Scan
from locality.types import BIGINT, BOOLEAN, HUGEINT
from tests.operators import naive
from tests.optimizer.known import Counted

LEFT, RIGHT = Scan("p", (0, 1), (BIGINT,) * 2), Scan("c", (0, 1), (BIGINT,) * 2)
ROWS = {"p": [(1, 7), (2, 7), (3, None), (4, 1)], "c": [(1, 5), (1, None), (3, 2), (3, 3), (9, 9), (None, 1)]}
K, G, C, X = (ColumnRef(i, BIGINT) for i in range(4))


def joined(kind: JoinKind = "left", residual: Expression | None = None) -> Join:
    return Join(LEFT, RIGHT, kind, (JoinKey(ColumnRef(0, BIGINT), ColumnRef(0, BIGINT)),), residual)


def call(name: str, *args: Expression, dtype: object = BIGINT, where: Expression | None = None) -> AggregateCall:
    return AggregateCall(name, args, dtype if dtype is HUGEINT else BIGINT, filter=where)


CALLS = (call("count", X), call("count_star"), call("sum", X, dtype=HUGEINT), call("min", X), call("max", C))
POSITIVE = Call(">", (X, C), BOOLEAN)


@pytest.mark.parametrize(
    "node",
    [
        Aggregate(joined(), (K,), CALLS),
        Aggregate(joined(), (G, K), CALLS),
        Aggregate(joined(), (K, Call("+", (G, K), BIGINT)), CALLS),
        Aggregate(Project(joined(), (X, K)), (ColumnRef(1, BIGINT),), (call("count", ColumnRef(0, BIGINT)),)),
        Aggregate(joined(), (K,), ()),
    ],
)
def test_the_rows_are_the_same(node: Aggregate) -> None:
    moved = aggregate_early(node, Counted(ROWS))
    assert isinstance(moved, Project)
    assert isinstance(moved.child, Join)
    assert isinstance(moved.child.right, Aggregate)
    assert moved.types == node.types
    assert sorted(naive.evaluate(moved, ROWS), key=repr) == sorted(naive.evaluate(node, ROWS), key=repr)


@pytest.mark.parametrize(
    "node",
    [
        Aggregate(joined("inner"), (K,), CALLS),
        Aggregate(joined("left", POSITIVE), (K,), CALLS),
        Aggregate(joined(), (G,), CALLS),
        Aggregate(joined(), (K, X), CALLS),
        Aggregate(joined(), (K,), (call("count", X, where=POSITIVE),)),
        Aggregate(joined(), (K,), (call("count", G),)),
        Aggregate(joined(), (K,), (call("count", Call("coalesce", (X, K), BIGINT)),)),
        Aggregate(joined(), (K,), (call("list", X),)),
        Aggregate(LEFT, (K,), CALLS[1:2]),
    ],
)
def test_others_stay(node: Node) -> None:
    assert aggregate_early(node, Counted(ROWS)) == node


def test_an_aggregation_without_groups_has_a_row_over_no_left_rows() -> None:
    rows = {**ROWS, "p": []}
    node = Aggregate(joined(), (), CALLS)
    assert len(naive.evaluate(aggregate_early(node, Counted(rows)), rows)) == 1
