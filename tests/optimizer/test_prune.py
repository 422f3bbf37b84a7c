"""Pruning: what nobody reads is gone, the root's output stays, and so does the answer."""

from __future__ import annotations

import pytest

from locality.optimizer.prune import prune_columns
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant, Expression, SortKey
from locality.plan.nodes import Aggregate, Filter, Limit, Node, Project, Scan, Sort
from locality.types import BIGINT, BOOLEAN, HUGEINT
from tests.operators import naive

SCAN = Scan("t", (3, 0, 2, 1), (BIGINT,) * 4)
ROWS = [(1, 2, 3, 4), (1, 0, 5, -4), (2, 2, None, 0), (None, 7, 3, 1)]


def column(index: int) -> ColumnRef:
    return ColumnRef(index, BIGINT)


def plus(left: Expression, right: Expression) -> Call:
    return Call("+", (left, right), BIGINT)


def positive(expression: Expression) -> Call:
    return Call(">", (expression, Constant(0, BIGINT)), BOOLEAN)


def total(index: int, where: Expression | None = None) -> AggregateCall:
    return AggregateCall("sum", (column(index),), HUGEINT, filter=where)


#: A plan, and the positions of the table's columns that its scan has to read.
PLANS: dict[str, tuple[Node, tuple[int, ...]]] = {
    "scan": (SCAN, (3, 0, 2, 1)),
    "project": (Project(SCAN, (column(2),)), (2,)),
    "project in another order": (Project(SCAN, (column(3), column(1), column(3))), (0, 1)),
    "constant": (Project(SCAN, (Constant(1, BIGINT),)), ()),
    "project of project": (
        Project(Project(SCAN, (column(0), plus(column(1), column(2)), column(3))), (column(2), column(0))),
        (3, 1),
    ),
    "filter": (Project(Filter(SCAN, positive(column(3))), (column(0),)), (3, 1)),
    "filter of everything": (Filter(SCAN, positive(column(3))), (3, 0, 2, 1)),
    "sort": (Project(Sort(SCAN, (SortKey(column(2), nulls_first=True),)), (column(1),)), (0, 2)),
    "limit": (Project(Limit(SCAN, 2, 1), (column(1),)), (0,)),
    "aggregate": (Aggregate(SCAN, (column(1),), (total(3),)), (0, 1)),
    "unused aggregates": (
        Project(Aggregate(SCAN, (column(0),), (total(1), total(2), total(3))), (ColumnRef(2, HUGEINT),)),
        (3, 2),
    ),
    "groups stay": (Project(Aggregate(SCAN, (column(0), column(1)), (total(2),)), (column(1),)), (3, 0)),
    "filter of an aggregate": (Aggregate(SCAN, (), (total(1, positive(column(3))),)), (0, 1)),
    "count": (Aggregate(SCAN, (), (AggregateCall("count_star", (), BIGINT),)), ()),
}


def scans(node: Node) -> list[Scan]:
    return [node] if isinstance(node, Scan) else scans(node.child)


@pytest.mark.parametrize("name", PLANS)
def test_scans_read_what_is_used(name: str) -> None:
    plan, columns = PLANS[name]
    pruned = prune_columns(plan)
    assert pruned.types == plan.types
    (scan,) = scans(pruned)
    assert scan.columns == columns
    assert len(scan.types) == len(columns)
    kept = [SCAN.columns.index(position) for position in columns]
    rows = [tuple(row[i] for i in kept) for row in ROWS]
    assert naive.evaluate(pruned, rows) == naive.evaluate(plan, ROWS)


def test_pruning_again_changes_nothing() -> None:
    for plan, _ in PLANS.values():
        once = prune_columns(plan)
        assert prune_columns(once) == once


def test_unused_aggregates_are_gone() -> None:
    plan, _ = PLANS["unused aggregates"]
    pruned = prune_columns(plan)
    assert isinstance(pruned, Project)
    assert isinstance(pruned.child, Aggregate)
    assert len(pruned.child.aggregates) == 1
