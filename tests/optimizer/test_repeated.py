"""What a query says twice is computed once, where that pays."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import assume, given, settings

from locality.optimizer import repeated
from locality.optimizer.repeated import share_equal
from locality.optimizer.widen import widened
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant
from locality.plan.nodes import (
    Aggregate,
    Filter,
    Join,
    JoinKey,
    Node,
    Project,
    Scan,
    Shared,
    SharedScan,
    Union,
    walk_nodes,
)
from locality.types import BIGINT, BOOLEAN
from tests.operators import naive
from tests.optimizer import random_plans
from tests.optimizer.known import Counted
from tests.properties.effort import EFFORT
from tests.properties.oracle import Pair

A, B = ColumnRef(0, BIGINT), ColumnRef(1, BIGINT)
SCAN = Scan("t", (0, 1), (BIGINT, BIGINT))
TABLES = Counted({"t": [(i % 3, i) for i in range(200)], "u": [(i,) for i in range(3)]})


def groups(scan: Scan = SCAN, column: ColumnRef = B) -> Aggregate:
    return Aggregate(scan, (ColumnRef(0, BIGINT),), (AggregateCall("sum", (column,), BIGINT),))


def joined(left: Node, right: Node) -> Join:
    return Join(left, right, "inner", (JoinKey(A, A),))


def definitions(node: Node) -> list[Node]:
    return [each.definition for each in walk_nodes(node) if isinstance(each, Shared)]


def test_equal_groups_are_made_once() -> None:
    plan = joined(groups(), Filter(groups(), Call("<", (A, Constant(2, BIGINT)), BOOLEAN)))
    shared = share_equal(plan, TABLES)
    assert definitions(shared) == [groups()]
    assert sum(isinstance(node, SharedScan) for node in walk_nodes(shared)) == 2
    assert shared.types == plan.types
    assert sorted(naive.evaluate(shared, TABLES.tables)) == sorted(naive.evaluate(plan, TABLES.tables))


def test_columns_that_one_reader_leaves_out_make_no_difference() -> None:
    narrow = Scan("t", (0,), (BIGINT,))
    counted = Project(Aggregate(narrow, (A,), (AggregateCall("count_star", (), BIGINT),)), (A,))
    plan = Union((counted, Project(Aggregate(SCAN, (A,), (AggregateCall("count_star", (), BIGINT),)), (B,))))
    shared = share_equal(plan, TABLES)
    assert len(definitions(shared)) == 1
    assert shared.types == plan.types
    assert sorted(naive.evaluate(shared, TABLES.tables)) == sorted(naive.evaluate(plan, TABLES.tables))


def test_what_costs_less_to_make_again_stays() -> None:
    scans = Union((SCAN, SCAN))
    many = Union((joined(SCAN, SCAN), joined(SCAN, SCAN)))  # more rows than its inputs have
    assert share_equal(scans, TABLES) == scans
    assert share_equal(many, TABLES) == many


def test_a_part_of_a_shared_result_is_not_one_itself() -> None:
    outer = joined(groups(), Scan("u", (0,), (BIGINT,)))
    assert len(definitions(share_equal(Union((outer, outer)), TABLES))) == 1


def test_what_reads_a_shared_result_is_shared_below_it() -> None:
    again = Aggregate(SharedScan(7, (BIGINT, BIGINT)), (A,), (AggregateCall("max", (B,), BIGINT),))
    defined = Filter(SCAN, Call("<", (B, Constant(100, BIGINT)), BOOLEAN))
    plan = Shared(defined, joined(joined(again, again), SharedScan(7, (BIGINT, BIGINT))), 7)
    shared = share_equal(plan, TABLES)
    assert isinstance(shared, Shared) and isinstance(shared.child, Shared)
    assert shared.child.definition == again
    assert sorted(naive.evaluate(shared, TABLES.tables)) == sorted(naive.evaluate(plan, TABLES.tables))


@settings(max_examples=40 * EFFORT)
@given(random_plans.tables(), random_plans.plans())
def test_rows_stay_the_same(tables: random_plans.Tables, plan: Node) -> None:
    twice = Union((plan, plan))
    try:
        wanted = naive.evaluate(twice, tables)
    except ValueError:
        wanted = []
    assume(0 < len(wanted) < 2000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeated, "_KEPT", 0.0)
        shared = share_equal(twice, Counted(tables))
    assert shared.types == twice.types
    assert Counter(naive.evaluate(shared, tables)) == Counter(wanted)
    assert Counter(naive.evaluate(widened(twice), tables)) == Counter(wanted)


def test_through_sql() -> None:
    rows = "select i % 50 g, i % 7 h, i from range(5000) r(i)"
    sql = """
        select a.g, a.s from (select g, sum(i) s from t where h < 3 group by g) a
        where a.s > (select avg(s) from (select g, sum(i) s from t where h < 3 group by g))
    """
    with Pair() as pair:
        pair.load("t", [pair.duckdb.sql(rows).to_arrow_table()])
        pair.check(sql)
        assert "computed once" in str(pair.locality.explain(sql))
        pair.locality.settings.disabled_optimizers = frozenset({"share_equal"})
        pair.check(sql)
        assert "computed once" not in str(pair.locality.explain(sql))
