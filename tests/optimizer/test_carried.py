"""Parents' columns read of their children's layouts: the same rows, and no join where all that is read is there."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings

from locality.optimizer import optimize
from locality.optimizer.carried import use_carried_columns
from locality.optimizer.joins import order_joins
from locality.optimizer.prune import prune_columns
from locality.plan.expressions import Call, Constant, Expression, conjunction, conjuncts
from locality.plan.nodes import Filter, Join, JoinKey, JoinKind, Node, Project, Scan, Shared, SharedScan, walk_nodes
from locality.types import BIGINT, BOOLEAN
from tests.operators import naive
from tests.optimizer.known import Counted
from tests.optimizer.snowflakes import (
    WIDTH,
    Snowflake,
    column,
    possible,
    queries,
    random_rows,
    scan,
    snowflakes,
    with_carried,
)
from tests.properties.effort import examples
from tests.sql.notation import plan_text


@given(snowflakes(), queries())
@settings(max_examples=examples(300))
def test_joins_of_snowflakes_give_the_same_rows(known: Counted, plan: Node) -> None:
    wanted = naive.evaluate(plan, known.tables)
    assume(len(wanted) < 1000)
    for result in (use_carried_columns(plan, known), optimize(plan, known)):
        assert result.types == plan.types
        got = naive.evaluate(result, known.tables)
        assert Counter(got) == Counter(wanted), f"{plan_text(plan)}\n{plan_text(result)}"


# --- shapes


def tables(nulls: float = 0.0) -> Snowflake:
    """Rows of which every column of every parent is carried."""
    rows = with_carried(random_rows(random.Random(1), nulls, fewest=4))
    return Snowflake(rows, {name: possible(name) for name in ("sale", "line")})


def follow(node: Node, *ways: tuple[int, str]) -> Node:
    """Inner joins with parents: by which column so far, and with which table's key."""
    for own, parent in ways:
        node = Join(node, scan(parent), "inner", (JoinKey(column(own), column(0)),))
    return node


#: Lines with their sale, its buyer, and his town: columns 0 to 3, 4 to 7, 8 to 10, and 11 to 13.
LINES = follow(scan("line"), (1, "sale"), (5, "buyer"), (9, "town"))


def ending(node: Node, *shown: int, **tests: int) -> Node:
    """Some columns of the rows in which others have a value: ``c4=1``."""
    terms = [Call("=", (column(int(name[1:])), Constant(value, BIGINT)), BOOLEAN) for name, value in tests.items()]
    filtered = Filter(node, conjunction(terms)) if terms else node
    return Project(filtered, tuple(column(i) for i in shown))


def changed(plan: Node, known: Counted) -> Node:
    result = prune_columns(order_joins(use_carried_columns(plan, known), known))
    assert Counter(naive.evaluate(result, known.tables)) == Counter(naive.evaluate(plan, known.tables))
    return result


def joined(node: Node) -> list[str]:
    return [each.table for each in walk_nodes(node) if isinstance(each, Scan)]


def terms_of(node: Node, table: str) -> int:
    """The terms that scans of a table are filtered by."""
    filters = (each for each in walk_nodes(node) if isinstance(each, Filter) and isinstance(each.child, Scan))
    return sum(len(conjuncts(f.predicate)) for f in filters if isinstance(f.child, Scan) and f.child.table == table)


def test_parents_of_parents_vanish_with_their_filters() -> None:
    result = changed(ending(LINES, 0, 6, 13, c10=1), tables())
    assert joined(result) == ["line"]
    assert terms_of(result, "line") == 1


def test_rows_without_a_parent_stay_away() -> None:
    result = changed(ending(LINES, 0, 13), tables(nulls=0.2))
    assert joined(result) == ["line"]
    assert terms_of(result, "line") >= 1


def test_one_parent_by_two_ways() -> None:
    by_shop = follow(LINES, (6, "shop"), (15, "town"))
    assert joined(changed(ending(by_shop, 0, 13, 19, c12=1), tables())) == ["line"]
    same = Filter(follow(LINES, (6, "shop")), Call("=", (column(15), column(11)), BOOLEAN))
    assert joined(changed(ending(same, 0, 13), tables())) == ["line"]


def test_what_is_asked_of_several_parents_at_once_bounds_each_column() -> None:
    branches = [
        conjunction([Call("=", (column(i), Constant(value, BIGINT)), BOOLEAN) for i, value in ((7, n), (10, 2 - n))])
        for n in (0, 1)
    ]
    plan = Project(Filter(LINES, Call("or", tuple(branches), BOOLEAN)), (column(0),))
    result = changed(plan, tables())
    assert joined(result) == ["line"]
    assert terms_of(result, "line") == 3


def test_left_joins_with_parents_vanish_too() -> None:
    plan = Join(scan("line"), scan("sale"), "left", (JoinKey(column(1), column(0)),))
    plan = Join(plan, scan("shop"), "left", (JoinKey(column(6), column(0)),))
    result = changed(ending(plan, 0, 7, 10), tables(nulls=0.2))
    assert joined(result) == ["line"]
    assert not terms_of(result, "line")


def test_parents_that_are_looked_for_vanish_too() -> None:
    some = Filter(scan("sale"), Call("=", (column(3), Constant(1, BIGINT)), BOOLEAN))
    plan = Join(scan("line"), some, "semi", (JoinKey(column(1), column(0)),))
    result = changed(ending(plan, 0), tables(nulls=0.2))
    assert joined(result) == ["line"]
    by_value = Join(scan("line"), scan("sale"), "semi", (JoinKey(column(3), column(3)),))
    assert joined(changed(ending(by_value, 0), tables())) == ["line", "sale"]


def test_what_is_asked_above_a_left_join_is_not_taken_for_its_condition() -> None:
    plan = Join(scan("line"), scan("sale"), "left", (JoinKey(column(1), column(0)),))
    same = Filter(plan, Call("=", (column(1), column(4)), BOOLEAN))
    result = changed(ending(same, 0, 7), tables(nulls=0.4))
    assert joined(result) == ["line"]
    assert terms_of(result, "line") == 1


@pytest.mark.parametrize("kind", ["semi", "anti"])
def test_children_that_are_looked_for_are_filtered_like_their_parents(kind: JoinKind) -> None:
    plan = Join(scan("sale"), scan("line"), kind, (JoinKey(column(0), column(1)),))
    result = changed(ending(plan, 0, c3=1), tables())
    assert sorted(joined(result)) == ["line", "sale"]
    assert terms_of(result, "line") == terms_of(result, "sale") == 1


def test_children_of_one_parent_are_all_filtered_like_it() -> None:
    other = JoinKey(column(1), column(1))
    plan = Join(follow(scan("line"), (1, "sale")), scan("line"), "semi", (other,))
    result = changed(ending(plan, 0, c7=1), tables())
    assert joined(result) == ["line", "line"]
    assert terms_of(result, "line") == 2


def test_rows_that_a_shared_result_asks_for_are_filtered_like_it() -> None:
    asked = ending(follow(scan("line"), (1, "sale")), 0, 1, c7=1)
    shared = SharedScan(0, asked.types)
    wanted = Join(scan("line"), shared, "semi", (JoinKey(column(1), column(1)),))
    result = changed(Shared(asked, Join(shared, wanted, "inner", (JoinKey(column(1), column(1)),)), 0), tables())
    assert joined(result) == ["line", "line"]
    assert terms_of(result, "line") == 2


def test_a_join_that_has_to_stay_comes_after_the_filter() -> None:
    known = tables()
    some = [d for d in known.carried["line"] if (len(d.path), d.path[-1].table, d.column) != (1, "sale", 2)]
    result = changed(ending(LINES, 0, 6, c7=1), Snowflake(known.tables, {"line": some}))
    assert sorted(joined(result)) == ["line", "sale"]
    assert terms_of(result, "line") == terms_of(result, "sale") == 1


def test_nothing_changes_where_columns_cost_more_than_joins() -> None:
    class Wide(Snowflake):
        def scan_bytes(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
            return 1e9 * sum(number >= WIDTH[scan.table] for number in scan.columns)

    known = tables()
    plan = ending(LINES, 0, 13, c7=1)
    assert use_carried_columns(plan, Wide(known.tables, known.carried)) is plan
    assert use_carried_columns(plan, Snowflake(known.tables)) is plan
