"""Shared results come to the top, and go where sharing them saves nothing."""

from __future__ import annotations

from locality.optimizer.shared import inline_shared, lift_shared
from locality.plan.expressions import AggregateCall, ColumnRef
from locality.plan.nodes import Aggregate, Filter, Join, JoinKey, Node, Project, Scan, Shared, SharedScan, walk_nodes
from locality.types import BIGINT
from tests.operators import naive
from tests.optimizer.test_push import over

SCAN = Scan("t", (0, 1), (BIGINT,) * 2)
ROWS = {"t": [(1, 5), (2, 6), (2, 7), (None, 8)]}
A = ColumnRef(0, BIGINT)
GROUPS = Aggregate(SCAN, (A,), (AggregateCall("count_star", (), BIGINT),))


def read(number: int) -> SharedScan:
    return SharedScan(number, (BIGINT, BIGINT))


def join(left: Node, right: Node) -> Join:
    return Join(left, right, "inner", (JoinKey(A, A),))


def shared(node: Node) -> list[Shared]:
    return [each for each in walk_nodes(node) if isinstance(each, Shared)]


def test_results_are_lifted_in_the_order_in_which_they_read_each_other() -> None:
    inner = Shared(GROUPS, join(read(1), read(1)), 1)
    outer = Shared(Project(inner, (A, A)), join(read(2), read(2)), 2)
    plan = join(SCAN, Filter(outer, over(A, 0)))
    lifted = lift_shared(plan)
    assert isinstance(lifted, Shared) and isinstance(lifted.child, Shared)
    assert (lifted.number, lifted.child.number) == (1, 2)
    assert len(shared(lifted)) == 2
    assert naive.evaluate(lifted, ROWS) == naive.evaluate(plan, ROWS)


def test_what_is_read_twice_stays_shared() -> None:
    plan = Shared(GROUPS, join(read(1), read(1)), 1)
    assert lift_shared(plan) == plan
    assert inline_shared(plan) == plan


def test_what_is_read_once_takes_its_readers_place() -> None:
    assert inline_shared(Shared(GROUPS, join(SCAN, read(1)), 1)) == join(SCAN, GROUPS)


def test_what_nobody_reads_is_gone() -> None:
    assert inline_shared(Shared(GROUPS, SCAN, 1)) == SCAN


def test_stored_columns_are_read_again() -> None:
    columns = Project(SCAN, (A, A))
    assert inline_shared(Shared(columns, join(read(1), read(1)), 1)) == join(columns, columns)


def test_a_result_whose_only_reader_goes_is_counted_anew() -> None:
    plan = Shared(GROUPS, Shared(Filter(read(1), over(A, 1)), join(read(2), SCAN), 2), 1)
    assert inline_shared(plan) == join(Filter(GROUPS, over(A, 1)), SCAN)
