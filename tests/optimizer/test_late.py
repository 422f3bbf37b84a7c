"""Grouping by keys alone: the same rows, and no group of raw text left where a key determines it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from locality.optimizer.late import group_by_keys
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant, Expression
from locality.plan.nodes import Aggregate, Filter, Join, JoinKey, Limit, Node, Project, Scan, Sort, inputs_of
from locality.types import BIGINT, BOOLEAN, DOUBLE, HUGEINT, VARCHAR
from tests.operators import naive
from tests.optimizer.plain import Plain

#: Orders: a customer, an amount. Customers: a number, a name, an address, a city.
ORDERS = Scan("orders", (0, 1), (BIGINT, BIGINT))
CUSTOMERS = Scan("customers", (0, 1, 2, 3), (BIGINT, VARCHAR, VARCHAR, BIGINT))
TABLES: dict[str, list[tuple[Any, ...]]] = {
    "orders": [(c, amount) for amount, c in enumerate([1, 2, 1, 3, 9, 2, 1, None])],
    "customers": [(1, "ann", "here", 7), (2, "bob", "there", 7), (3, "cy", "here", 8), (4, "dan", "nowhere", 8)],
}
SUM = AggregateCall("sum", (ColumnRef(1, BIGINT),), HUGEINT)
COUNT = AggregateCall("count_star", (), BIGINT)


@dataclass(frozen=True)
class Facts(Plain):
    """What holds for the tables above; ``unique`` are the customers' keys."""

    unique: tuple[frozenset[int], ...] = (frozenset({0}), frozenset({1}))
    nulls: frozenset[int] = frozenset()

    def unique_keys(self, table: str) -> Sequence[frozenset[int]]:
        return self.unique if table == "customers" else ()

    def has_nulls(self, table: str, column: int) -> bool:
        return table == "orders" or column in self.nulls

    def is_raw(self, table: str, column: int) -> bool:
        return table == "customers" and column in (1, 2)


def joined(kind: Any = "inner") -> Join:
    return Join(ORDERS, CUSTOMERS, kind, (JoinKey(ColumnRef(0, BIGINT), ColumnRef(0, BIGINT)),))


def refs(node: Node, *indices: int) -> tuple[ColumnRef, ...]:
    return tuple(ColumnRef(i, node.types[i]) for i in indices)


def above(left: int) -> Expression:
    return Call(">", (ColumnRef(left, BIGINT), Constant(1, BIGINT)), BOOLEAN)


def _swapped() -> Join:
    keys = (JoinKey(ColumnRef(0, BIGINT), ColumnRef(0, BIGINT)),)
    less = Call("<", (ColumnRef(3, BIGINT), Call("+", (ColumnRef(5, BIGINT), Constant(5, BIGINT)), BIGINT)), BOOLEAN)
    return Join(CUSTOMERS, ORDERS, "inner", keys, less)


def _narrow(child: Node, *indices: int) -> Project:
    return Project(child, refs(child, *indices))


def plans() -> dict[str, Aggregate]:
    inner, outer, swapped = joined(), joined("left"), _swapped()
    names = _narrow(Filter(inner, above(1)), 3, 1)
    deep = _narrow(
        Join(_narrow(swapped, 1, 4, 5), ORDERS, "semi", (JoinKey(ColumnRef(1, BIGINT), ColumnRef(0, BIGINT)),)), 0, 2
    )
    twice = Join(inner, CUSTOMERS, "inner", (JoinKey(ColumnRef(5, BIGINT), ColumnRef(3, BIGINT)),))
    return {
        "key and text": Aggregate(inner, refs(inner, 2, 3, 4, 5), (SUM, COUNT)),
        "text before the key": Aggregate(inner, refs(inner, 4, 2), (SUM,)),
        "among other groups": Aggregate(inner, (*refs(inner, 1, 3, 2), above(1)), (COUNT,)),
        "unique text alone": Aggregate(names, refs(names, 0), (SUM,)),
        "unique text behind joins": Aggregate(deep, refs(deep, 0), (SUM,)),
        "rows without a match": Aggregate(outer, refs(outer, 2, 3, 4), (SUM,)),
        "without aggregates": Aggregate(CUSTOMERS, refs(CUSTOMERS, 1, 2), ()),
        "below a filter": Aggregate(Filter(inner, above(1)), refs(inner, 2, 4), (SUM,)),
        "of the first rows": Aggregate(Limit(Sort(inner, ()), 3), refs(inner, 2, 4), (SUM,)),
        "of two scans": Aggregate(twice, refs(twice, 2, 3, 6, 7, 8), (COUNT,)),
    }


def aggregates(node: Node) -> Iterator[Aggregate]:
    if isinstance(node, Aggregate):
        yield node
    for child in inputs_of(node):
        yield from aggregates(child)


@pytest.mark.parametrize("name", plans())
def test_the_rows_stay_and_the_text_is_gathered_late(name: str) -> None:
    plan = plans()[name]
    late = group_by_keys(plan, Facts())
    assert late.types == plan.types
    wanted = naive.evaluate(plan, TABLES)
    assert len(wanted) > 1
    assert sorted(naive.evaluate(late, TABLES), key=repr) == sorted(wanted, key=repr)
    (grouped,) = aggregates(late)
    assert VARCHAR not in [group.type for group in grouped.groups]


@pytest.mark.parametrize(
    "facts",
    [Facts(()), Facts((frozenset({3}),)), Facts(nulls=frozenset({0, 1})), Facts((frozenset({1}),))],
    ids=["no key", "a key that is no group", "a key with NULLs", "a key of raw text alone"],
)
def test_without_a_key_it_stays_as_it_is(facts: Facts) -> None:
    inner = joined()
    plan = Aggregate(inner, refs(inner, 2, 3, 4), (SUM,))
    assert group_by_keys(plan, facts) == plan


def test_groups_without_raw_text_stay_as_they_are() -> None:
    inner = joined()
    plan = Aggregate(inner, refs(inner, 2, 5), (SUM,))
    assert group_by_keys(plan, Facts()) == plan


def test_floats_are_no_keys() -> None:
    scan = Scan("customers", (0, 1), (DOUBLE, VARCHAR))
    plan = Aggregate(scan, refs(scan, 0, 1), (COUNT,))
    assert group_by_keys(plan, Facts()) == plan
