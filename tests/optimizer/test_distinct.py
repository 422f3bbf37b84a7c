"""DISTINCT aggregates as two groupings: the same answer, and no DISTINCT left where the rewrite claims the query."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pyarrow as pa
import pytest

from locality.optimizer.distinct import split_distinct_aggregates
from locality.optimizer.prune import prune_columns
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant
from locality.plan.nodes import Aggregate, Filter, Limit, Node, Project, Scan, Sort
from locality.types import BIGINT, BOOLEAN, DOUBLE, HUGEINT
from tests.properties.interpreted import interpreted_kernels
from tests.properties.oracle import Pair

SCAN = Scan("t", (0, 1, 2), (BIGINT, BIGINT, DOUBLE))
A, B, X = ColumnRef(0, BIGINT), ColumnRef(1, BIGINT), ColumnRef(2, DOUBLE)
COUNT_A = AggregateCall("count", (A,), BIGINT, distinct=True)


def aggregates(node: Node) -> Iterator[Aggregate]:
    if isinstance(node, Aggregate):
        yield node
    if not isinstance(node, Scan):
        yield from aggregates(node.child)


@pytest.mark.parametrize(
    "calls",
    [
        (COUNT_A,),
        (COUNT_A, AggregateCall("sum", (A,), HUGEINT, distinct=True)),
        (COUNT_A, AggregateCall("sum", (B,), HUGEINT), AggregateCall("count_star", (), BIGINT)),
        (AggregateCall("min", (B,), BIGINT, distinct=True),),
        (COUNT_A, AggregateCall("min", (B,), BIGINT, distinct=True)),
    ],
)
@pytest.mark.parametrize("groups", [(), (B,)])
def test_distinct_is_gone_and_types_stay(calls: tuple[AggregateCall, ...], groups: tuple[ColumnRef, ...]) -> None:
    plan = Aggregate(SCAN, groups, calls)
    split = split_distinct_aggregates(plan)
    assert split.types == plan.types
    assert prune_columns(split).types == plan.types
    assert not any(call.distinct for node in aggregates(split) for call in node.aggregates)


@pytest.mark.parametrize(
    "calls",
    [
        (COUNT_A, AggregateCall("count", (B,), BIGINT, distinct=True)),
        (COUNT_A, AggregateCall("avg", (B,), DOUBLE)),
        (COUNT_A, AggregateCall("sum", (X,), DOUBLE)),
        (AggregateCall("count", (A,), BIGINT, distinct=True, filter=Call(">", (B, Constant(0, BIGINT)), BOOLEAN)),),
    ],
)
def test_what_two_groupings_do_not_give_stays_as_it_is(calls: tuple[AggregateCall, ...]) -> None:
    plan = Aggregate(SCAN, (B,), calls)
    assert split_distinct_aggregates(plan) == plan


def test_aggregates_are_found_below_other_nodes() -> None:
    inner = Aggregate(SCAN, (B,), (COUNT_A,))
    node: Node = Limit(Sort(Project(Filter(inner, Call(">", (B, A), BOOLEAN)), (B,)), ()), 3)
    assert len(list(aggregates(split_distinct_aggregates(node)))) == 2


def test_answers_are_duckdbs() -> None:
    names = ["count(distinct a)", "sum(distinct a)", "count(*)", "sum(b)", "min(b)", "max(distinct a)", "count(b)"]
    rows = [(a, b) for a, b in itertools.product([1, 1, 2, None, -5], [3, None, 0])]
    with Pair() as pair, interpreted_kernels():
        table = pa.table({"a": [a for a, _ in rows], "b": [b for _, b in rows]})
        for parts in ([table], [table.slice(0, 0)]):
            pair.load("t", parts)
            for first, second in itertools.product(names[:2], names):
                pair.check(f"select {first}, {second} from t")
                pair.check(f"select b, {first}, {second} from t group by b")
                pair.check(f"select a, {first} + 1, {second} from t where b is not null group by a")
