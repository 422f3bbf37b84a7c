"""The shapes that joins are given: sides, orders, filters below them, and joins that are not needed at all."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from locality.optimizer.facts import Prover
from locality.optimizer.joins import order_joins
from locality.plan.expressions import Call, ColumnRef, Constant, Expression, joined
from locality.plan.nodes import Filter, Join, JoinKey, JoinKind, Node, Project, Scan, Values, walk_nodes
from locality.types import BIGINT, BOOLEAN
from tests.operators import naive
from tests.optimizer.known import Counted

#: ``fact`` refers to ``one`` and ``two`` by its first two columns; its own key is the third.
TABLES: dict[str, list[tuple[Any, ...]]] = {
    "fact": [(i % 7, i % 5, i) for i in range(60)],
    "one": [(i, i % 3, i * 10) for i in range(7)],
    "two": [(i, i % 2, i * 100) for i in range(5)],
    "many": [(i % 4, None if i % 6 == 0 else i % 5, i) for i in range(24)],
}
STATISTICS = Counted(TABLES)


def scan(table: str) -> Scan:
    return Scan(table, (0, 1, 2), (BIGINT,) * 3)


def column(index: int) -> ColumnRef:
    return ColumnRef(index, BIGINT)


def call(name: str, *args: Expression) -> Call:
    return Call(name, args, BOOLEAN)


def number(value: int | None) -> Constant:
    return Constant(value, BIGINT)


def join(left: Node, right: Node, mine: int, theirs: int, kind: JoinKind = "inner", null_safe: bool = False) -> Join:
    return Join(left, right, kind, (JoinKey(column(mine), column(theirs), null_safe),))


def shown(node: Node, *indices: int) -> Project:
    return Project(node, tuple(ColumnRef(i, node.types[i]) for i in indices))


def ordered(plan: Node) -> Node:
    """The plan after the pass, which gives the same rows."""
    result = order_joins(plan, STATISTICS)
    assert result.types == plan.types
    assert Counter(naive.evaluate(result, TABLES)) == Counter(naive.evaluate(plan, TABLES))
    return result


def joins(node: Node) -> list[Join]:
    return [each for each in walk_nodes(node) if isinstance(each, Join)]


def scans(node: Node) -> list[str]:
    return [each.table for each in walk_nodes(node) if isinstance(each, Scan)]


def test_the_table_that_refers_probes_those_that_it_refers_to() -> None:
    plan = shown(join(join(scan("one"), scan("fact"), 0, 0), scan("two"), 4, 0), 2, 5, 8)
    result = ordered(plan)
    assert [next(iter(scans(each.right))) for each in joins(result)] in (["one", "two"], ["two", "one"])
    assert scans(joins(result)[-1].left) == ["fact"]


def test_what_filters_most_is_joined_first() -> None:
    chosen = Filter(scan("two"), call("=", column(2), number(100)))
    plan = shown(join(join(scan("fact"), scan("one"), 0, 0), chosen, 1, 0), 2, 5, 8)
    inner = joins(ordered(plan))[-1]
    assert scans(inner) == ["fact", "two"]


@pytest.mark.parametrize("kinds", [2, 3])
def test_a_table_whose_key_several_others_hold_is_joined_last(kinds: int) -> None:
    """``price`` has a row for each kind of a customer, kind of a day, and period; a reading has the period itself."""
    tables = {
        "reading": [(i % 20, i % 30, i % 8) for i in range(240)],
        "customer": [(i, i % kinds, i) for i in range(20)],
        "day": [(i, i % 3, i) for i in range(30)],
        "price": [(i // 24, i // 8 % 3, i % 8) for i in range(24 * kinds)],
    }
    statistics = Counted(tables)
    people = join(join(scan("price"), scan("reading"), 2, 2), scan("customer"), 3, 0)
    people = Join(people.left, people.right, "inner", (*people.keys, JoinKey(column(0), column(1))))
    both = Join(people, scan("day"), "inner", (JoinKey(column(4), column(0)), JoinKey(column(1), column(1))))
    plan = shown(both, 0, 3, 11)
    result = order_joins(plan, statistics)
    assert Counter(naive.evaluate(result, tables)) == Counter(naive.evaluate(plan, tables))
    assert len(joins(result)[0].keys) == 3
    assert scans(joins(result)[0])[-1] == "price"


def test_columns_of_a_key_that_a_filter_fixes_are_not_needed_to_find_a_row() -> None:
    tables = {"price": [(i // 8, i % 8, i) for i in range(24)]}
    one = Filter(scan("price"), call("=", number(2), column(0)))
    assert not Prover(Counted(tables)).facts(scan("price")).is_unique((1,))
    assert Prover(Counted(tables)).facts(one).is_unique((1,))
    none_fixed = Filter(scan("price"), joined("or", [call("=", column(0), number(i)) for i in (0, 2)]))
    assert not Prover(Counted(tables)).facts(none_fixed).is_unique((1,))
    assert Prover(Counted(tables)).facts(Filter(one, call("=", column(1), number(3)))).is_unique(())


def test_a_filter_goes_below_the_joins() -> None:
    plan = Filter(join(scan("fact"), scan("one"), 0, 0), call(">", column(5), number(30)))
    result = ordered(plan)
    assert all(not isinstance(each.child, Join) for each in walk_nodes(result) if isinstance(each, Filter))


def test_a_bound_holds_for_all_equal_columns() -> None:
    plan = Filter(join(scan("fact"), scan("one"), 0, 0), call("=", column(3), number(2)))
    result = ordered(plan)
    assert sum(isinstance(each, Filter) for each in walk_nodes(result)) == 2


def test_every_branch_of_an_or_restricts_a_side() -> None:
    branches = [call("and", call("=", column(1), number(i)), call("=", column(4), number(i))) for i in (0, 1)]
    result = ordered(Filter(join(scan("fact"), scan("one"), 0, 0), joined("or", branches)))
    below = [each for each in walk_nodes(result) if isinstance(each, Filter) and isinstance(each.child, Scan)]
    assert {each.child.table for each in below if isinstance(each.child, Scan)} == {"fact", "one"}


def test_what_all_branches_of_an_or_have_in_common_becomes_a_key() -> None:
    key = call("=", column(0), column(3))
    branches = [call("and", key, call("=", column(5), number(i))) for i in (10, 30)]
    (found,) = joins(ordered(Join(scan("fact"), scan("one"), "inner", (), joined("or", branches))))
    assert len(found.keys) == 1


@pytest.mark.parametrize(("negated", "kind"), [(False, "semi"), (True, "anti")])
def test_marks_that_rows_are_filtered_by(negated: bool, kind: JoinKind) -> None:
    marked = join(scan("fact"), Filter(scan("one"), call(">", column(2), number(20))), 0, 0, "mark")
    mark = ColumnRef(3, BOOLEAN)
    result = ordered(shown(Filter(marked, call("not", mark) if negated else mark), 2))
    assert [each.kind for each in joins(result)] == [kind]


def test_a_mark_that_may_be_null_stays() -> None:
    marked = join(scan("fact"), scan("many"), 1, 1, "mark")
    result = ordered(Filter(marked, call("not", ColumnRef(3, BOOLEAN))))
    assert [each.kind for each in joins(result)] == ["mark"]


def test_null_needs_no_care_where_there_is_none() -> None:
    (found,) = joins(ordered(join(scan("many"), scan("one"), 1, 0, null_safe=True)))
    assert not found.keys[0].null_safe
    (found,) = joins(ordered(join(scan("many"), scan("many"), 1, 1, null_safe=True)))
    assert found.keys[0].null_safe


def test_tests_for_null_that_say_nothing_are_gone() -> None:
    tested = Filter(scan("one"), call("is not null", column(0)))
    assert not [each for each in walk_nodes(ordered(join(scan("fact"), tested, 0, 0))) if isinstance(each, Filter)]


@pytest.mark.parametrize("kind", ["inner", "left"])
def test_a_table_of_which_nothing_but_the_key_is_read_is_not_joined(kind: JoinKind) -> None:
    plan = shown(join(scan("fact"), scan("one"), 0, 0, kind), 1, 2)
    assert scans(ordered(plan)) == ["fact"]


def test_a_reference_that_may_be_null_drops_rows() -> None:
    plan = shown(join(scan("many"), scan("two"), 1, 0), 2)
    result = ordered(plan)
    assert scans(result) == ["many"]
    assert [each.predicate for each in walk_nodes(result) if isinstance(each, Filter)]


def test_a_table_is_not_joined_where_only_rows_with_children_are_left() -> None:
    children = join(scan("one"), scan("fact"), 0, 0, "left")
    plan = shown(Filter(join(children, scan("two"), 4, 0), call("=", column(3), column(0))), 5, 8)
    assert sorted(scans(ordered(plan))) == ["fact", "two"]


def test_joins_that_do_something_stay() -> None:
    filtered = Filter(scan("one"), call(">", column(2), number(20)))
    for plan in (
        shown(join(scan("fact"), filtered, 0, 0), 2),
        shown(join(scan("one"), scan("fact"), 0, 0, "left"), 2),
        shown(join(scan("fact"), scan("one"), 0, 0), 2, 5),
        shown(join(scan("fact"), scan("many"), 0, 0), 2),
    ):
        assert len(joins(ordered(plan))) == 1


def test_rows_without_a_match_that_a_later_join_drops_are_not_made() -> None:
    """The condition of the join above reads a column that is NULL in them; and that of the first join another one."""
    chosen = Filter(scan("two"), call("=", column(0), number(3)))
    first = join(scan("fact"), scan("many"), 2, 2, "left")
    result = ordered(shown(join(first, chosen, 4, 0), 0, 8))
    assert {each.kind for each in joins(result)} == {"inner"}
    assert "fact" not in scans(joins(result)[-1]), "what is chosen of many comes first"
    second = join(first, scan("one"), 4, 0, "left")
    result = ordered(shown(join(second, chosen, 7, 0), 0, 8, 11))
    assert {each.kind for each in joins(result)} == {"inner"}
    kept = ordered(shown(join(first, chosen, 1, 0), 0, 5, 8))
    assert "left" in {each.kind for each in joins(kept)}


def test_a_row_that_must_be_the_only_one_is_not_looked_for_early() -> None:
    single = join(scan("fact"), scan("many"), 2, 2, "single")
    result = ordered(join(single, scan("one"), 0, 0))
    assert "single" in [each.kind for each in joins(result)]


def test_one_row_is_joined_without_keys() -> None:
    product = Join(Values(((7,),), (BIGINT,)), scan("fact"), "inner", ())
    result = ordered(Filter(product, call(">", column(0), column(3))))
    assert scans(result) == ["fact"]
    assert isinstance(joins(result)[0].right, Values)


@pytest.mark.parametrize("count", [4, 9, 16])
def test_many_relations(count: int) -> None:
    """A chain, the last of which are more than are tried in all orders."""
    plan: Node = Filter(scan("one"), call("<", column(0), number(3)))
    for i in range(1, count):
        plan = join(plan, scan("one"), 3 * i - 3, 0)
    result = order_joins(plan, STATISTICS)
    assert result.types == plan.types
    assert len(joins(result)) == count - 1
    assert all(each.keys for each in joins(result))


def test_a_clique_of_many_relations_is_ordered_greedily() -> None:
    plan: Node = scan("one")
    for i in range(1, 14):
        keys = tuple(JoinKey(column(3 * before), column(0)) for before in range(i))
        plan = Join(plan, scan("one"), "inner", keys)
    result = ordered(shown(plan, 2, 41))
    assert all(each.keys for each in joins(result))
