"""Grouping sets out of finer ones: which sets read which, and answers against DuckDB."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from locality.optimizer.regroup import regroup_sets
from locality.plan.expressions import AggregateCall, ColumnRef
from locality.plan.nodes import Aggregate, Node, Project, Scan, Shared, SharedScan, Union, walk_nodes
from locality.types import BIGINT, DOUBLE, VARCHAR, DataType
from tests.properties.oracle import Pair

TYPES = (VARCHAR, BIGINT, BIGINT, DOUBLE)
ROWS = Scan("t", (0, 1, 2, 3), TYPES)


def grouped(name: str, argument: int, *sets: tuple[int, ...], types: tuple[DataType, ...] = TYPES) -> Node:
    """The sets as the planner makes them, with one aggregate."""
    call = AggregateCall(name, (ColumnRef(argument, types[argument]),), BIGINT)
    parts = []
    for keys in sets:
        rows = Aggregate(SharedScan(0, TYPES), tuple(ColumnRef(key, types[key]) for key in keys), (call,))
        parts.append(Project(rows, (ColumnRef(len(keys), BIGINT),)))
    return Shared(ROWS, Union(tuple(parts)), 0)


def readers(plan: Node) -> int:
    """How often the rows are read."""
    return sum(isinstance(node, SharedScan) and node.number == 0 for node in walk_nodes(plan))


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (grouped("max", 2, (0, 1), (0,), ()), 1),
        (grouped("max", 2, (), (0,), (0, 1)), 1),
        (grouped("count", 3, (0,), (1,), ()), 2),
        (grouped("max", 2, (0,), (1,)), 2),
        (grouped("sum", 3, (0, 1), (0,)), 2),  # sums of floats depend on their order
        (grouped("median", 2, (0, 1), (0,)), 2),
        (grouped("max", 2, (0, 3), (0,)), 2),  # 0.0 and -0.0 are one key of a set
    ],
)
def test_how_often_rows_are_read(plan: Node, expected: int) -> None:
    assert readers(regroup_sets(plan)) == expected


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    rows = 2000
    missing = [i % 7 == 0 for i in range(rows)]
    table = pa.table(
        {
            "a": pa.array(["x", "y", "z", "much longer"] * (rows // 4), mask=missing),
            "b": pa.array([i * i % 5 for i in range(rows)], pa.int32(), mask=[i % 11 == 0 for i in range(rows)]),
            "c": pa.array([i % 3 for i in range(rows)], pa.int16()),
            "v": pa.array([(i * 7919) % 1009 - 500 for i in range(rows)], mask=missing[::-1]),
            "d": pa.array([i * 10**6 for i in range(rows)]).cast(pa.decimal128(38, 2)),
        }
    )
    with Pair(threads=2) as both:
        both.load("t", [table])
        yield both


@pytest.mark.parametrize(
    "sql",
    [
        "select a, b, c, count(*), count(v), sum(v), avg(v), min(v), max(d), avg(d) from t group by rollup(a, b, c)",
        "select a, b, c, sum(v) filter (where v > 0), count(*) filter (where v < 0) from t group by cube(a, b, c)",
        "select a, b, grouping(a, b), avg(v) from t where v < -600 group by grouping sets((a), (a, b), (b), (), ())",
        "select upper(a) as u, b + 1 as p, max(a), bool_or(v > 3) from t group by rollup(u, p) having count(*) > 2",
        "select a, sum(v) / count(*), count(distinct b) from t group by rollup(a, c)",
        "select a, b, rank() over (partition by grouping(b) order by sum(v)) from t group by rollup(a, b)",
    ],
)
def test_answers(pair: Pair, sql: str) -> None:
    pair.check(sql)
