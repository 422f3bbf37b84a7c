"""Estimates: right where the textbook's assumptions hold, and within bounds everywhere."""

from __future__ import annotations

import pytest

from locality.optimizer.estimate import Estimator, grouped, key_share
from locality.plan.derived import Derived, Reference
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant
from locality.plan.nodes import Aggregate, Filter, Join, JoinKey, JoinKind, Limit, Node, Project, Scan, Union, Values
from locality.types import BIGINT, BOOLEAN
from tests.optimizer.known import Counted

TABLES = {
    "child": [(i % 10, i % 4, i) for i in range(100)],
    "parent": [(i, i % 2, i) for i in range(10)],
    "pairs": [(i % 10, i // 10, i) for i in range(40)],
}
ESTIMATOR = Estimator(Counted(TABLES))
COUNT = AggregateCall("count_star", (), BIGINT)


def scan(table: str) -> Scan:
    return Scan(table, (0, 1, 2), (BIGINT,) * 3)


def column(index: int) -> ColumnRef:
    return ColumnRef(index, BIGINT)


def join(left: Node, right: Node, *pairs: tuple[int, int], kind: JoinKind = "inner") -> Join:
    return Join(left, right, kind, tuple(JoinKey(column(a), column(b)) for a, b in pairs))


EVEN = Filter(scan("parent"), Call("=", (column(1), Constant(0, BIGINT)), BOOLEAN))


@pytest.mark.parametrize(
    ("node", "rows"),
    [
        (scan("child"), 100),
        (EVEN, 5),
        (Project(EVEN, (column(2),)), 5),
        (Limit(scan("child"), 7), 7),
        (Union((EVEN, EVEN)), 10),
        (Values(((1,), (2,)), (BIGINT,)), 2),
        (Aggregate(scan("child"), (), (COUNT,)), 1),
        (join(scan("child"), scan("parent"), (0, 0)), 100),
        (join(scan("child"), EVEN, (0, 0)), 50),
        (join(scan("child"), EVEN, (0, 0), kind="semi"), 50),
        (join(scan("child"), EVEN, (0, 0), kind="anti"), 50),
        (join(scan("child"), EVEN, (0, 0), kind="left"), 100),
        (join(scan("child"), EVEN, (0, 0), kind="single"), 100),
        (join(EVEN, scan("child"), (0, 0)), 50),
        (join(scan("child"), scan("pairs"), (0, 0), (1, 1)), 100),
        (join(scan("child"), scan("parent")), 1000),
    ],
)
def test_rows(node: Node, rows: float) -> None:
    assert ESTIMATOR.estimate(node).rows == pytest.approx(rows)


@pytest.mark.parametrize(
    ("parent", "rows"), [(EVEN, 50), (scan("parent"), 50), (scan("pairs"), 200), (Limit(EVEN, 2), 20)]
)
def test_what_a_copy_of_a_parents_column_lets_through_counts_once(parent: Node, rows: float) -> None:
    rows_with_copies = [(*row, row[0] % 2) for row in TABLES["child"]]
    copy = Derived(3, BIGINT, (Reference((0,), "parent", (0,)),), 1)
    estimator = Estimator(Counted({**TABLES, "child": rows_with_copies}, {"child": (copy,)}))
    even = Filter(Scan("child", (0, 1, 2, 3), (BIGINT,) * 4), Call("=", (column(3), Constant(0, BIGINT)), BOOLEAN))
    assert estimator.estimate(even).rows == 50
    assert estimator.estimate(join(even, parent, (0, 0))).rows == pytest.approx(rows)


def test_groups_are_at_most_the_rows_and_the_values() -> None:
    assert grouped(0, 10) == 0
    assert grouped(5, 1) == 1
    assert grouped(1e9, 10) == pytest.approx(10)
    assert grouped(10, 1e9) == pytest.approx(10, rel=1e-6)
    assert 6 < grouped(10, 10) < 7
    assert ESTIMATOR.estimate(Aggregate(scan("child"), (column(1),), (COUNT,))).rows == pytest.approx(4)


def test_several_keys_have_no_more_values_than_their_side_has_rows() -> None:
    assert key_share([], 10, 10) == 1
    assert key_share([(5, 20)], 100, 100) == pytest.approx(1 / 20)
    assert key_share([(100, 100), (100, 100)], 1e6, 500) == pytest.approx(1 / 500)
