"""Keys that are computed of other keys are left out of groups, and are computed of the groups."""

from __future__ import annotations

import duckdb
import pytest

import locality
from locality.optimizer.determined import leave_out_determined
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Expression
from locality.plan.nodes import Aggregate, Project, Scan
from locality.types import BIGINT, DOUBLE
from tests.operators import naive

ROWS = {"t": [(i % 3, i % 2, i) for i in range(12)] + [(None, 1, 5), (None, 1, 6)]}
SCAN = Scan("t", (0, 1, 2), (BIGINT,) * 3)
A, B, C = (ColumnRef(i, BIGINT) for i in range(3))
COUNT, SUM = AggregateCall("count_star", (), BIGINT), AggregateCall("sum", (C,), BIGINT)


def plus(left: Expression, right: Expression) -> Call:
    return Call("+", (left, right), BIGINT)


@pytest.mark.parametrize(
    ("node", "left"),
    [
        (Aggregate(SCAN, (A, plus(A, A)), (COUNT,)), 1),
        (Aggregate(SCAN, (plus(A, B), B, plus(A, A), A), (COUNT, SUM)), 2),
        (Aggregate(Project(SCAN, (plus(C, A), A, C)), (A, B), ()), 2),
        (Aggregate(Project(SCAN, (plus(A, A), A, C)), (A, B), (SUM,)), 1),
        (Aggregate(SCAN, (plus(A, B), B), (SUM,)), 2),
    ],
)
def test_the_groups_are_the_same(node: Aggregate, left: int) -> None:
    changed = leave_out_determined(node)
    inner = changed.child if isinstance(changed, Project) else changed
    assert isinstance(inner, Aggregate)
    assert len(inner.groups) == left
    assert changed.types == node.types
    assert sorted(naive.evaluate(changed, ROWS), key=repr) == sorted(naive.evaluate(node, ROWS), key=repr)


def test_equal_floats_are_not_the_same() -> None:
    zero = ColumnRef(0, DOUBLE)
    node = Aggregate(Scan("t", (0,), (DOUBLE,)), (zero, Call("/", (zero, zero), DOUBLE)), ())
    assert leave_out_determined(node) == node


def test_answers_equal_duckdbs() -> None:
    make = "select case when i % 7 = 0 then null else i % 900 end a, 'x' || i % 40 b, i from range(20000) r(i)"
    query = """select a, a - 1, a - 2, upper(b) u, b, length(b) + a, count(*) n, min(i)
        from t group by all having a - 1 > 3 or a is null order by all"""
    with locality.connect() as con, duckdb.connect() as oracle:
        oracle.execute(f"create table t as {make}")
        con.ingest("t", oracle.sql("from t").to_arrow_table())
        result = con.sql(query)
        assert result.fetchall() == oracle.sql(query).fetchall()
        assert result.profile.engine == "locality"
