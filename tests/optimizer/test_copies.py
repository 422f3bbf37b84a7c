"""Rows that a query repeats beside constant ones are read copy by copy, and aggregates of them are the same."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from locality.optimizer.copies import unite_copies
from locality.plan.expressions import AggregateCall, Call, Case, ColumnRef, Constant
from locality.plan.nodes import Aggregate, Filter, Join, Node, Project, Scan, Union, Values
from locality.types import BIGINT, BOOLEAN
from tests.properties.oracle import Pair

A, B, NUMBER = (ColumnRef(i, BIGINT) for i in range(3))
SCAN = Scan("t", (0, 1), (BIGINT,) * 2)


def repeated(rows: int) -> Node:
    """Both columns of each row one below the other, after the number of the column."""
    numbered = Join(SCAN, Values(tuple((i,) for i in range(rows)), (BIGINT,)), "inner", ())
    branches = [(Call("=", (NUMBER, Constant(i, BIGINT)), BOOLEAN), each) for i, each in enumerate((A, B))]
    value = Case(tuple(branches), Constant(None, BIGINT), BIGINT)
    return Filter(Project(numbered, (NUMBER, value)), Call("is not null", (B,), BOOLEAN))


def copy(number: int, column: ColumnRef) -> Node:
    return Filter(Project(SCAN, (Constant(number, BIGINT), column)), Call("is not null", (B,), BOOLEAN))


def test_groups_of_copies_that_differ_are_apart() -> None:
    first = AggregateCall("first", (B,), BIGINT)
    plan = Aggregate(repeated(2), (A,), (first,))
    apart = [Aggregate(copy(i, column), (A,), (first,)) for i, column in enumerate((A, B))]
    assert unite_copies(plan) == Union(tuple(apart))


def test_other_groups_read_all_copies() -> None:
    total = AggregateCall("sum", (A,), BIGINT)
    found = unite_copies(Aggregate(repeated(2), (B,), (total,)))
    assert found == Aggregate(Union((copy(0, A), copy(1, B))), (B,), (total,))


def test_the_constants_need_no_projection() -> None:
    beside = Join(SCAN, Values(((1,), (2,)), (BIGINT,)), "inner", ())
    apart = [Project(SCAN, (A, B, Constant(number, BIGINT))) for number in (1, 2)]
    count = AggregateCall("count_star", (), BIGINT)
    assert unite_copies(Aggregate(beside, (A,), (count,))) == Aggregate(Union(tuple(apart)), (A,), (count,))


@pytest.mark.parametrize(
    "plan",
    [
        Aggregate(repeated(2), (B,), (AggregateCall("first", (A,), BIGINT),)),  # whose first row is another then
        Aggregate(repeated(33), (A,), ()),  # too many copies
        Aggregate(SCAN, (A,), ()),
        repeated(2),
    ],
)
def test_what_stays_as_it_is(plan: Node) -> None:
    assert unite_copies(plan) == plan


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    def values(seed: int) -> list[int | None]:
        return [None if (i * seed) % 5 == 0 else (i * 37 * seed) % 10 for i in range(60)]

    with Pair() as made:
        made.load("t", [pa.table({"k": ["a", "b"] * 30, **{c: pa.array(values(i + 1)) for i, c in enumerate("xyz")}})])
        yield made


LONG = "(from t unpivot (v for m in (x, y, z)))"


@pytest.mark.parametrize(
    "sql",
    [
        f"select m, count(*), sum(v), median(v), list(v order by v), first(v) from {LONG} group by m",
        f"select k, m, min(v), count(distinct v) from {LONG} where v <> 3 group by k, m having count(*) > 2",
        f"select k, sum(v), max(m), quantile_disc(v, 0.5) from {LONG} group by k",
        f"select distinct v, m from {LONG}",
        f"select max(c) from (select v, count(*) c from {LONG} group by v)",
        "select m, count(*), count(v) from (from t unpivot include nulls (v for m in (x, y))) group by m",
        "select u, sum(w), count(k) from (select k, unnest([x, y, 7]) u, unnest([1, 2]) w from t) group by u",
        "select k, n, sum(x * n) from t, (values (1), (1), (2), (null)) r(n) group by k, n",
        "select n, c, count(*) from (select k, count(*) c from t group by k), (values (1), (2)) r(n) group by n, c",
        "select n, max(a.x + b.y + n) from t a join t b using (k), unnest([3, 1, 2]) r(n) where a.x > n group by n",
    ],
)
def test_against_duckdb(sql: str, pair: Pair) -> None:
    pair.check(sql)
