"""Shared results have only the rows that some reader asks for, and readers get the same rows as before."""

from __future__ import annotations

from collections import Counter

import pytest

from locality.optimizer.narrow import narrow_shared
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant, Expression, joined
from locality.plan.nodes import Aggregate, Filter, Join, JoinKey, JoinKind, Node, Project, Scan, Shared, SharedScan
from locality.types import BIGINT, BOOLEAN
from tests.operators import naive
from tests.optimizer.known import Counted

TABLES = {"t": [(i % 5, i % 3) for i in range(30)] + [(None, 2), (2, None)], "u": [(1, 1), (2, 3)]}
SCAN = Scan("t", (0, 1), (BIGINT,) * 2)
A, B = ColumnRef(0, BIGINT), ColumnRef(1, BIGINT)
GROUPS = Aggregate(SCAN, (A, B), (AggregateCall("count_star", (), BIGINT),))
READ = SharedScan(1, (BIGINT,) * 3)
READ_ALL = (A, B, ColumnRef(2, BIGINT))
OTHER = Scan("u", (0, 1), (BIGINT,) * 2)


def equal(index: int, value: int) -> Call:
    return Call("=", (ColumnRef(index, BIGINT), Constant(value, BIGINT)), BOOLEAN)


def both(left: Node, right: Node, kind: JoinKind = "inner") -> Node:
    return Shared(GROUPS, Join(left, right, kind, (JoinKey(READ_ALL[2], READ_ALL[2]),)), 1)


def narrowed(*terms: Expression) -> Node:
    return Aggregate(Filter(SCAN, joined("and", terms)), (A, B), GROUPS.aggregates)


@pytest.mark.parametrize(
    ("plan", "definition"),
    [
        (
            both(Filter(READ, equal(0, 1)), Filter(READ, equal(0, 2))),
            narrowed(joined("or", [equal(0, 1), equal(0, 2)])),
        ),
        (both(Filter(READ, equal(0, 1)), Project(Filter(READ, equal(0, 1)), READ_ALL)), narrowed(equal(0, 1))),
        (Filter(both(READ, READ), equal(1, 2)), None),  # above the shared result: lifted before
        (both(Filter(READ, equal(0, 1)), READ), None),
        (both(Filter(READ, equal(0, 1)), Filter(READ, equal(1, 2))), None),  # nothing about one column
        (Shared(GROUPS, OTHER, 1), None),
    ],
)
def test_which_results_are_narrowed(plan: Node, definition: Node | None) -> None:
    rewritten = narrow_shared(plan, Counted(TABLES))
    shared = rewritten.child if isinstance(rewritten, Filter) else rewritten
    assert isinstance(shared, Shared)
    assert shared.definition == (definition or GROUPS)
    assert Counter(naive.evaluate(rewritten, TABLES)) == Counter(naive.evaluate(plan, TABLES))


def test_filters_above_joins_count() -> None:
    both_readers = Call("and", (equal(0, 1), equal(3, 2)), BOOLEAN)
    plan = Shared(GROUPS, Filter(Join(READ, READ, "inner", (JoinKey(B, B),)), both_readers), 1)
    rewritten = narrow_shared(plan, Counted(TABLES))
    assert isinstance(rewritten, Shared)
    assert rewritten.definition == narrowed(joined("or", [equal(0, 1), equal(0, 2)]))
    assert Counter(naive.evaluate(rewritten, TABLES)) == Counter(naive.evaluate(plan, TABLES)) != Counter()


def test_groups_of_several_columns_are_bounded_by_each() -> None:
    asked = [joined("and", [equal(0, a), equal(1, b)]) for a, b in ((1, 2), (3, 0))]
    plan = both(Filter(READ, asked[0]), Filter(READ, asked[1]), "semi")
    rewritten = narrow_shared(plan, Counted(TABLES))
    assert isinstance(rewritten, Shared)
    bounds = [joined("or", [equal(0, 1), equal(0, 3)]), joined("or", [equal(1, 2), equal(1, 0)])]
    assert rewritten.definition == narrowed(*bounds)
