"""Pruning: what nobody reads is gone, the root's output stays, and so does the answer."""

from __future__ import annotations

import pytest

from locality.optimizer.prune import prune_columns
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant, Expression, SortKey
from locality.plan.nodes import (
    Aggregate,
    Filter,
    Join,
    JoinKey,
    JoinKind,
    Limit,
    Node,
    Project,
    Scan,
    SetOperation,
    Shared,
    SharedScan,
    Sort,
    Union,
    Values,
    Window,
    inputs_of,
    walk_nodes,
)
from locality.plan.windows import Bound, Frame, WindowCall
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


@pytest.mark.parametrize("name", PLANS)
def test_scans_read_what_is_used(name: str) -> None:
    plan, columns = PLANS[name]
    pruned = prune_columns(plan)
    assert pruned.types == plan.types
    (scan,) = (node for node in walk_nodes(pruned) if isinstance(node, Scan))
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


# --- plans over several inputs

A, B = Scan("a", (0, 1, 2), (BIGINT,) * 3), Scan("b", (0, 1, 2, 3), (BIGINT,) * 4)
TABLES = {
    "a": [(1, 10, 5), (2, 20, 5), (2, None, 6), (None, 40, 7)],
    "b": [(1, 7, 1, 2), (2, 8, 30, 3), (2, 9, 0, 4), (None, 5, 1, 9), (3, 0, 0, 0)],
}
KEYS = (JoinKey(column(0), column(0)),)
WHERE = Call("<", (column(1), column(5)), BOOLEAN)
FRAME = Frame("rows", Bound("unbounded preceding"), Bound("current row"))


def project(child: Node, *indices: int) -> Project:
    return Project(child, tuple(ColumnRef(i, child.types[i]) for i in indices))


def join(kind: JoinKind, residual: Expression | None = None, right: Node = B) -> Join:
    return Join(A, right, kind, KEYS, residual)


SHARED = Shared(
    Project(A, (column(2), column(1), column(0))),
    Join(SharedScan(1, (BIGINT,) * 3), project(SharedScan(1, (BIGINT,) * 3), 0), "inner", (), None),
    1,
)
UNIQUE = Aggregate(B, (column(0),), (total(1), total(3)))

#: A plan, and what its scans read, from left to right.
WIDE_PLANS: dict[str, tuple[Node, list[tuple[int, ...]]]] = {
    "inner join": (project(join("inner"), 1, 4), [(0, 1), (0, 1)]),
    "keys alone": (project(join("inner")), [(0,), (0,)]),
    "left join": (project(join("left", WHERE), 2), [(0, 1, 2), (0, 2)]),
    "right join": (project(join("right"), 6), [(0,), (0, 3)]),
    "full join": (project(join("full"), 6, 0), [(0,), (0, 3)]),
    "semi join": (project(join("semi", WHERE), 2), [(0, 1, 2), (0, 2)]),
    "anti join": (project(join("anti"), 0), [(0,), (0,)]),
    "mark join": (project(join("mark"), 3), [(0,), (0,)]),
    "mark that nobody reads": (project(join("mark"), 1), [(0, 1), (0,)]),
    "single join": (project(join("single", right=UNIQUE), 1, 5), [(0, 1), (0, 3)]),
    "cross product": (project(Join(A, B, "inner", ()), 2, 3), [(2,), (0,)]),
    "joins upon joins": (
        project(Join(join("inner"), A, "inner", (JoinKey(column(4), column(1)),)), 9),
        [(0,), (0, 1), (1, 2)],
    ),
    "filtered side": (project(join("inner", right=Filter(B, positive(column(3)))), 1), [(0, 1), (0, 3)]),
    "union": (project(Union((A, project(B, 3, 2, 1))), 1), [(1,), (2,)]),
    "union of filtered rows": (project(Union((Filter(A, positive(column(0))), A)), 2), [(0, 2), (2,)]),
    "except": (project(SetOperation(A, project(B, 0, 1, 2), "except", all=True), 1), [(0, 1, 2), (0, 1, 2)]),
    "intersect": (project(SetOperation(A, A, "intersect", all=False), 1), [(0, 1, 2), (0, 1, 2)]),
    "shared": (project(SHARED, 1, 3), [(1, 2)]),
    "shared that is counted": (Shared(A, Aggregate(SharedScan(7, A.types), (), ()), 7), [()]),
    "values": (project(Values(((1, 2), (3, None)), (BIGINT, BIGINT)), 1), []),
}


@pytest.mark.parametrize("name", WIDE_PLANS)
def test_inputs_of_joins_and_sets_read_what_is_used(name: str) -> None:
    plan, columns = WIDE_PLANS[name]
    pruned = prune_columns(plan)
    assert pruned.types == plan.types
    assert [node.columns for node in walk_nodes(pruned) if isinstance(node, Scan)] == columns
    assert naive.evaluate(pruned, TABLES) == naive.evaluate(plan, TABLES)
    assert prune_columns(pruned) == pruned


def test_joins_carry_nothing_that_was_only_filtered_by() -> None:
    plan, _ = WIDE_PLANS["filtered side"]
    (found,) = (node for node in walk_nodes(prune_columns(plan)) if isinstance(node, Join))
    assert found.right.types == (BIGINT,)


def test_shared_rows_are_as_narrow_as_their_readers_need_together() -> None:
    plan, _ = WIDE_PLANS["shared"]
    shared = next(node for node in walk_nodes(prune_columns(plan)) if isinstance(node, Shared))
    assert shared.definition.types == (BIGINT, BIGINT)
    assert [node.types for node in walk_nodes(shared.child) if isinstance(node, SharedScan)] == [(BIGINT, BIGINT)] * 2


def test_window_calls_that_nobody_reads_are_gone() -> None:
    calls = tuple(WindowCall("sum", (column(i),), HUGEINT, (column(1),), (SortKey(column(2)),), FRAME) for i in (0, 3))
    window = Window(B, calls)
    pruned = prune_columns(Project(window, (column(0), ColumnRef(5, HUGEINT))))
    (kept,) = (node for node in walk_nodes(pruned) if isinstance(node, Window))
    assert len(kept.calls) == 1
    assert kept.calls[0].args == (column(3),)
    assert prune_columns(project(window, 1)) == Project(Scan("b", (1,), (BIGINT,)), (column(0),))
    assert inputs_of(kept) == (B,)
