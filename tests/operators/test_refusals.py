"""Reasons name the SQL that a node stands for."""

from __future__ import annotations

import pytest

from locality.operators.refusals import refusal
from locality.plan.expressions import ColumnRef
from locality.plan.nodes import Join, JoinKey, Node, Scan, SetOperation, Shared, SharedScan, Union, Values, Window
from locality.plan.windows import Bound, Frame, WindowCall
from locality.types import BIGINT

SCAN = Scan("t", (0,), (BIGINT,))
KEYS = (JoinKey(ColumnRef(0, BIGINT), ColumnRef(0, BIGINT)),)
FRAME = Frame("range", Bound("unbounded preceding"), Bound("current row"))
CALLS = tuple(WindowCall(name, (), BIGINT, (), (), FRAME) for name in ("sum", "rank"))


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (Join(SCAN, SCAN, "inner", ()), "cross product"),
        (Join(SCAN, SCAN, "inner", KEYS), "inner join"),
        (Join(SCAN, SCAN, "anti", KEYS), "anti join"),
        (Shared(SCAN, SharedScan(1, (BIGINT,)), 1), "materialized common table expression"),
        (SharedScan(1, (BIGINT,)), "materialized common table expression"),
        (Union((SCAN, SCAN)), "UNION"),
        (SetOperation(SCAN, SCAN, "except", all=True), "EXCEPT"),
        (SetOperation(SCAN, SCAN, "intersect", all=True), "INTERSECT"),
        (Values(((),), ()), "SELECT without a stored table"),
        (Values((), (BIGINT,)), "condition that is never true"),
        (Values(((1,),), (BIGINT,)), "VALUES list"),
        (Window(SCAN, CALLS), "window function rank, sum"),
    ],
)
def test_reasons(node: Node, reason: str) -> None:
    assert refusal(node) == reason
