"""Joins are made of each input of a UNION ALL where few of its rows are left, and have the same rows."""

from __future__ import annotations

from collections import Counter

import pytest

from locality.optimizer.joins import order_joins
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant
from locality.plan.nodes import Aggregate, Filter, Join, JoinKey, JoinKind, Node, Project, Scan, Union, walk_nodes
from locality.types import BIGINT, BOOLEAN
from tests.operators import naive
from tests.optimizer.known import Counted

TABLES = {
    "one": [(i % 40, i) for i in range(80)],
    "two": [(i % 50, -i) for i in range(70)] + [(None, 1)],
    "days": [(i, i // 10) for i in range(40)],
}
A, B = ColumnRef(0, BIGINT), ColumnRef(1, BIGINT)


def scan(table: str) -> Scan:
    return Scan(table, (0, 1), (BIGINT,) * 2)


BOTH = Union((scan("one"), Project(scan("two"), (A, Constant(0, BIGINT)))))
WEEK = Filter(scan("days"), Call("=", (B, Constant(2, BIGINT)), BOOLEAN))
COUNTS = Aggregate(scan("days"), (A,), (AggregateCall("count_star", (), BIGINT),))


def joined(left: Node, right: Node, kind: JoinKind = "inner") -> Node:
    return Join(left, right, kind, (JoinKey(A, A),))


@pytest.mark.parametrize(
    ("plan", "apart"),
    [
        (joined(BOTH, WEEK), True),
        (joined(WEEK, Project(BOTH, (A, B))), True),
        (joined(joined(BOTH, WEEK), scan("days")), True),
        (joined(joined(BOTH, WEEK), scan("days"), "left"), True),
        (joined(BOTH, scan("days")), False),  # not few
        (joined(WEEK, BOTH, "left"), False),
        (joined(joined(BOTH, WEEK), BOTH), False),  # which of the two
        (joined(joined(BOTH, WEEK), COUNTS), False),  # computed twice
    ],
)
def test_which_joins_are_made_apart(plan: Node, apart: bool) -> None:
    ordered = order_joins(plan, Counted(TABLES))
    joins = [each for each in walk_nodes(ordered) if isinstance(each, Join)]
    assert any(isinstance(each, Union) for join in joins for each in walk_nodes(join)) is not apart
    rows = Counter(naive.evaluate(ordered, TABLES))
    assert rows == Counter(naive.evaluate(plan, TABLES)) != Counter()
