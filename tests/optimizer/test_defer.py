"""Filters of tables that few rows meet are tested after the join, with the same rows; others stay below it."""

from __future__ import annotations

import pytest

from locality.optimizer.defer import defer_filters
from locality.plan.expressions import Call, ColumnRef, Constant
from locality.plan.nodes import Filter, Join, JoinKey, JoinKind, Node, Project, Scan, Shared, SharedScan, walk_nodes
from locality.types import BIGINT, BOOLEAN
from tests.operators import naive
from tests.optimizer.known import Counted

TABLES = {
    "few": [(i % 5, i) for i in range(10)],
    "some": [(i, i) for i in range(30)],
    "many": [(i, i % 7, i % 3) for i in range(90)],
}


def column(index: int) -> ColumnRef:
    return ColumnRef(index, BIGINT)


def scan(table: str, *columns: int) -> Scan:
    return Scan(table, columns, (BIGINT,) * len(columns))


def filtered(node: Node, index: int) -> Filter:
    return Filter(node, Call("<", (column(index), Constant(2, BIGINT)), BOOLEAN))


def joined(left: Node, right: Node, key: int = 0, kind: JoinKind = "inner") -> Join:
    return Join(left, right, kind, (JoinKey(column(0), column(key)),))


FEW, MANY = scan("few", 0, 1), scan("many", 2, 0, 1)


@pytest.mark.parametrize(
    ("node", "deferred"),
    [
        (joined(FEW, filtered(MANY, 0), 1), True),
        (joined(FEW, Project(filtered(MANY, 0), (column(1),))), True),
        (joined(FEW, Project(filtered(MANY, 0), (column(2), column(1))), 1), True),
        (Shared(FEW, joined(SharedScan(0, FEW.types), filtered(MANY, 0), 1), 0), True),
        (joined(filtered(scan("some", 0, 1), 0), filtered(MANY, 0), 1), True),
        (joined(scan("some", 0, 1), filtered(MANY, 0), 1), False),  # not few
        (joined(FEW, filtered(MANY, 0), 2), False),  # no key
        (joined(FEW, filtered(MANY, 2), 1), False),  # a raw string
        (joined(FEW, MANY, 1), False),
        (joined(FEW, filtered(MANY, 0), 1, "left"), False),
        (joined(FEW, Project(filtered(MANY, 0), (Call("+", (column(1), column(0)), BIGINT),))), False),
    ],
)
def test_which_filters_wait(node: Node, deferred: bool) -> None:
    rewritten = defer_filters(node, Counted(TABLES))
    joins = [each for each in walk_nodes(rewritten) if isinstance(each, Join)]
    assert [isinstance(join.right, Scan) for join in joins] == [deferred or node == joined(FEW, MANY, 1)]
    assert rewritten.types == node.types
    assert sorted(naive.evaluate(rewritten, TABLES)) == sorted(naive.evaluate(node, TABLES))
