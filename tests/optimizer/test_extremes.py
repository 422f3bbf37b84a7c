"""Semi and anti joins with one inequality have the same rows when groups' extremes are compared."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from locality.optimizer.extremes import compare_with_extremes
from locality.plan.expressions import Call, ColumnRef, Constant, Expression
from locality.plan.nodes import Aggregate, Join, JoinKey, JoinKind, Node, Scan, Shared
from locality.types import BIGINT, BOOLEAN
from tests.operators import naive
from tests.optimizer.known import Counted

LEFT, RIGHT = Scan("l", (0, 1), (BIGINT,) * 2), Scan("r", (0, 1), (BIGINT,) * 2)
VALUES = (1, 2, 3, None)
ROWS = {"l": list(itertools.product(VALUES, repeat=2)), "r": [(1, 1), (1, 3), (2, None), (3, 2), (None, 2), (2, 2)]}
FIRST, SECOND = ColumnRef(1, BIGINT), ColumnRef(3, BIGINT)


def joined(kind: JoinKind, residual: Expression, null_safe: bool = False) -> Join:
    return Join(LEFT, RIGHT, kind, (JoinKey(ColumnRef(0, BIGINT), ColumnRef(0, BIGINT), null_safe),), residual)


def compared(name: str, left: Expression, right: Expression) -> Call:
    return Call(name, (left, right), BOOLEAN)


@pytest.mark.parametrize("null_safe", [False, True])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("name", ["<", "<=", ">", ">=", "<>"])
@pytest.mark.parametrize("kind", ["semi", "anti"])
def test_rows_are_the_same(kind: JoinKind, name: str, mirrored: bool, null_safe: bool) -> None:
    node = joined(kind, compared(name, *((SECOND, FIRST) if mirrored else (FIRST, SECOND))), null_safe)
    rewritten = compare_with_extremes(node, Counted(ROWS))
    assert isinstance(rewritten, Join)
    assert isinstance(rewritten.right, Aggregate)
    assert rewritten.types == node.types
    assert naive.evaluate(rewritten, ROWS) == naive.evaluate(node, ROWS)


@pytest.mark.parametrize("kind", ["semi", "anti"])
def test_few_rows_ask_only_for_their_groups(kind: JoinKind) -> None:
    rows = {"l": [(1, 1), (2, 2), (9, 0)], "r": [(i % 10, i % 3) for i in range(60)]}
    node = joined(kind, compared("<>", FIRST, SECOND))
    rewritten = compare_with_extremes(node, Counted(rows))
    assert isinstance(rewritten, Shared)
    assert rewritten.types == node.types
    assert naive.evaluate(rewritten, rows) == naive.evaluate(node, rows)


@pytest.mark.parametrize("kind", [kind for kind in get_args(JoinKind) if kind not in ("semi", "anti")])
def test_other_kinds_stay(kind: JoinKind) -> None:
    node = joined(kind, compared("<", FIRST, SECOND))
    assert compare_with_extremes(node, Counted(ROWS)) == node


@pytest.mark.parametrize(
    "residual",
    [
        compared("=", FIRST, SECOND),
        compared("<", SECOND, Constant(2, BIGINT)),
        compared("<", Call("+", (FIRST, SECOND), BIGINT), SECOND),
        Call("and", (compared("<", FIRST, SECOND), compared(">", FIRST, SECOND)), BOOLEAN),
    ],
)
def test_other_conditions_stay(residual: Expression) -> None:
    node: Node = joined("semi", residual)
    assert compare_with_extremes(node, Counted(ROWS)) == node
