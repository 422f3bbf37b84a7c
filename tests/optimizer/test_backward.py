"""Semi and anti joins are turned where the right side has many times the rows of the left one."""

from __future__ import annotations

import pytest

from locality.optimizer.backward import turn_semi_joins
from locality.plan.expressions import Call, ColumnRef
from locality.plan.nodes import Join, JoinKey, Scan, Shared, SharedScan, walk_nodes
from locality.types import BIGINT, BOOLEAN
from tests.optimizer.known import Counted

TABLES = {"few": [(i,) for i in range(3)], "some": [(i,) for i in range(9)], "many": [(i,) for i in range(90)]}
KEYS = (JoinKey(ColumnRef(0, BIGINT), ColumnRef(0, BIGINT)),)
LESS = Call("<", (ColumnRef(0, BIGINT), ColumnRef(1, BIGINT)), BOOLEAN)


def scan(table: str) -> Scan:
    return Scan(table, (0,), (BIGINT,))


@pytest.mark.parametrize(
    ("join", "turned"),
    [
        (Join(scan("few"), scan("many"), "semi", KEYS), True),
        (Join(scan("few"), scan("many"), "anti", KEYS), True),
        (Join(scan("few"), scan("some"), "semi", KEYS), False),
        (Join(scan("many"), scan("few"), "semi", KEYS), False),
        (Join(scan("few"), scan("many"), "semi", KEYS, LESS), False),
        (Join(scan("few"), scan("many"), "semi", ()), False),
        (Join(scan("few"), scan("many"), "inner", KEYS), False),
        (Shared(scan("many"), Join(scan("few"), SharedScan(0, (BIGINT,)), "semi", KEYS), 0), True),
    ],
)
def test_which_joins_are_turned(join: Join | Shared, turned: bool) -> None:
    found = [node.backward for node in walk_nodes(turn_semi_joins(join, Counted(TABLES))) if isinstance(node, Join)]
    assert found == [turned]
