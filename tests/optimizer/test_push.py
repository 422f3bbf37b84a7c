"""Filters go below whatever keeps their meaning, and no further."""

from __future__ import annotations

from collections import Counter

import pytest

from locality.optimizer.push import pushed
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant, Expression, SortKey
from locality.plan.nodes import (
    Aggregate,
    Filter,
    Limit,
    Node,
    Project,
    Scan,
    SetOperation,
    Sort,
    Union,
    Window,
    walk_nodes,
)
from locality.plan.windows import Bound, Frame, WindowCall
from locality.types import BIGINT, BOOLEAN
from tests.operators import naive

SCAN = Scan("t", (0, 1), (BIGINT,) * 2)
ROWS = {"t": [(1, 5), (1, 6), (2, 7), (None, 8), (3, None), (3, 9)]}
A, B = ColumnRef(0, BIGINT), ColumnRef(1, BIGINT)
COUNT = AggregateCall("count_star", (), BIGINT)
FRAME = Frame("rows", Bound("unbounded preceding"), Bound("current row"))
NUMBER = WindowCall("row_number", (), BIGINT, (A,), (SortKey(B),), FRAME)


def over(expression: Expression, least: int) -> Call:
    return Call(">", (expression, Constant(least, BIGINT)), BOOLEAN)


#: A node, a filter above it, and whether nothing but scans is left below the filter's new places.
PLANS: dict[str, tuple[Node, Expression, bool]] = {
    "scan": (SCAN, over(A, 1), True),
    "filter": (Filter(SCAN, over(B, 5)), over(A, 1), True),
    "project": (Project(SCAN, (B, Call("+", (A, B), BIGINT))), over(B, 7), True),
    "sort": (Sort(SCAN, (SortKey(B),)), over(A, 1), True),
    "union": (Union((SCAN, Project(SCAN, (B, A)))), over(A, 1), True),
    "intersect": (SetOperation(SCAN, SCAN, "intersect", all=True), over(A, 1), True),
    "except": (SetOperation(SCAN, Filter(SCAN, over(B, 6)), "except", all=False), over(A, 1), True),
    "group": (Aggregate(SCAN, (A,), (COUNT,)), over(A, 1), True),
    "aggregate": (Aggregate(SCAN, (A,), (COUNT,)), over(B, 1), False),
    "aggregate without groups": (Aggregate(SCAN, (), (COUNT,)), over(A, 10), False),
    "partition": (Window(SCAN, (NUMBER,)), over(A, 1), True),
    "row of a partition": (Window(SCAN, (NUMBER,)), over(B, 5), False),
    "number": (Window(SCAN, (NUMBER,)), over(ColumnRef(2, BIGINT), 1), False),
    "limit": (Limit(Sort(SCAN, (SortKey(B),)), 3), over(A, 1), False),
}


@pytest.mark.parametrize("name", PLANS)
def test_rows_stay_and_filters_sink(name: str) -> None:
    node, term, sinks = PLANS[name]
    result = pushed(node, [term])
    assert Counter(naive.evaluate(result, ROWS)) == Counter(naive.evaluate(Filter(node, term), ROWS))
    filters = [each for each in walk_nodes(result) if isinstance(each, Filter)]
    assert all(isinstance(each.child, Scan) for each in filters) is sinks
    assert filters


def test_no_terms_change_nothing_and_repeated_ones_count_once() -> None:
    assert pushed(SCAN, []) is SCAN
    assert pushed(Filter(SCAN, over(A, 1)), [over(A, 1)]) == Filter(SCAN, over(A, 1))
