"""Shared results: computed once, read by scans, aggregations and both sides of joins, also within each other."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from locality.operators.build import Builder
from locality.operators.relations.relation import Relation
from locality.optimizer.distinct import split_distinct_aggregates
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant, Expression, SortKey
from locality.plan.nodes import Aggregate, Filter, Join, JoinKey, Limit, Node, Project, Scan, Shared, SharedScan, Sort
from locality.types import BIGINT, BOOLEAN, HUGEINT, VARCHAR
from tests.operators.checks import check
from tests.operators.relations import execution, relation, rows_of

TYPES = (BIGINT, BIGINT, VARCHAR)
SCAN = Scan("t", (0, 1, 2), TYPES)
ID, K, S = (ColumnRef(i, dtype) for i, dtype in enumerate(TYPES))
PARTS = [
    pa.table({"id": [1, 2, 3, 4], "k": [1, None, 2, 1], "s": ["a", "b", None, "a"]}),
    pa.table({"id": [5, 6], "k": [3, 1], "s": ["c", ""]}),
]
NOTHING = [PARTS[0].slice(0, 0)]


def _is(name: str, left: Expression, value: int) -> Expression:
    return Call(name, (left, Constant(value, BIGINT)), BOOLEAN)


DEFINITIONS: dict[str, Node] = {
    "table": SCAN,
    "filter": Filter(SCAN, _is(">", ID, 1)),
    "nothing": Filter(SCAN, _is(">", ID, 9)),
    "computed": Project(SCAN, (Call("+", (ID, Constant(1, BIGINT)), BIGINT), K, S)),
    "sorted": Sort(SCAN, (SortKey(S, nulls_first=True),)),
    "groups": Aggregate(SCAN, (ID, K, S), ()),
    "join": Join(SCAN, SCAN, "semi", (JoinKey(ID, K),)),
}
READER = SharedScan(0, TYPES)
TOTAL = Aggregate(READER, (K,), (AggregateCall("sum", (ID,), HUGEINT), AggregateCall("count_star", (), BIGINT)))
READERS: dict[str, Node] = {
    "one": READER,
    "filter": Filter(READER, _is("<", ID, 4)),
    "total": TOTAL,
    "self-join": Join(READER, READER, "inner", (JoinKey(ID, ID),)),
    "left of its groups": Join(READER, TOTAL, "left", (JoinKey(K, ColumnRef(0, BIGINT), null_safe=True),)),
    "groups of a join with it": Aggregate(Join(SCAN, READER, "inner", (JoinKey(ID, ID),)), (K,), ()),
    "within another": Shared(
        TOTAL, Join(READER, SharedScan(1, TOTAL.types), "semi", (JoinKey(K, ColumnRef(0, BIGINT)),)), 1
    ),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("definition", DEFINITIONS)
def test_what_reads_a_shared_result(definition: str, reader: str) -> None:
    node = Shared(DEFINITIONS[definition], READERS[reader], 0)
    check(node, {"t": PARTS})
    check(node, {"t": NOTHING})


def test_a_shared_result_inside_a_side_of_a_join_and_under_an_aggregation() -> None:
    for reader in READERS.values():
        shared = Shared(DEFINITIONS["filter"], reader, 0)
        check(Join(SCAN, shared, "semi", (JoinKey(ID, ColumnRef(0, BIGINT)),)), {"t": PARTS})
        check(Aggregate(shared, (), (AggregateCall("count_star", (), BIGINT),)), {"t": PARTS})
        check(Limit(Sort(shared, (SortKey(ColumnRef(0, BIGINT)),)), 100), {"t": PARTS})


def test_the_definition_runs_once_an_execution_and_is_shown_once() -> None:
    source: Relation = relation(PARTS)
    node = Shared(DEFINITIONS["groups"], READERS["left of its groups"], 0)
    operator = Builder(lambda scan: source, 1, split_distinct_aggregates).build(node)
    answers: list[Any] = []
    for _ in range(2):
        with execution() as running:
            answers.append(rows_of(operator.execute(running)))
            aggregations = [traffic for traffic in running.ledger if traffic.operator == "aggregate"]
        assert len(aggregations) == 2, "the definition, and the groups of its rows"
    assert len(answers[0]) == 6
    assert answers[0] == answers[1]
    lines = [line.strip() for line in operator.explain().lines()]
    assert lines.count("shared result") == 1
    assert lines.count("shared result, see above") == 1
