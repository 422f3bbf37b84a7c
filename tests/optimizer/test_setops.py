"""INTERSECT and EXCEPT as groupings: the same rows as looking for each row in the other side."""

from __future__ import annotations

from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality.optimizer.setops import group_set_operations
from locality.plan.expressions import Call, ColumnRef, Constant
from locality.plan.nodes import Filter, Node, Scan, SetOperation, Union, walk_nodes
from locality.types import BIGINT, BOOLEAN, VARCHAR
from tests.operators import naive
from tests.operators.checks import canonical

TYPES = (BIGINT, VARCHAR)
LEFT, RIGHT = Scan("l", (0, 1), TYPES), Scan("r", (0, 1), TYPES)
Kind = Literal["intersect", "except"]
ROWS = st.lists(st.tuples(st.none() | st.integers(0, 2), st.none() | st.sampled_from("ab")), max_size=12)


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("kind", get_args(Kind))
@given(ROWS, ROWS)
def test_rows_stay_the_same(kind: Kind, every: bool, left: list[naive.Row], right: list[naive.Row]) -> None:
    node = SetOperation(LEFT, RIGHT, kind, every)
    got, wanted = (naive.evaluate(plan, {"l": left, "r": right}) for plan in (group_set_operations(node), node))
    assert sorted(map(canonical, got)) == sorted(map(canonical, wanted))


def test_none_is_left_wherever_it_was() -> None:
    inner = SetOperation(LEFT, RIGHT, "except", all=True)
    positive = Call(">", (ColumnRef(0, BIGINT), Constant(0, BIGINT)), BOOLEAN)
    node: Node = SetOperation(Union((Filter(inner, positive), RIGHT)), inner, "intersect", all=False)
    changed = group_set_operations(node)
    assert not any(isinstance(each, SetOperation) for each in walk_nodes(changed))
    assert changed.types == node.types
