"""Joins whose pairs nobody counts: they become semi joins, and answers stay DuckDB's."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pyarrow as pa
import pytest

from tests.properties.oracle import Pair


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    source = random.Random(5)

    def column(high: int, rows: int) -> pa.Array:
        return pa.array(
            [None if source.random() < 0.1 else min(int(source.paretovariate(0.8)), high) for _ in range(rows)]
        )

    with Pair() as both:
        both.load("a", [pa.table({"id": range(300), "k": column(40, 300), "x": column(30, 300), "m": column(9, 300)})])
        both.load("b", [pa.table({"k": column(40, 120), "j": column(25, 120), "y": column(50, 120)})])
        both.load("c", [pa.table({"j": column(25, 60), "z": column(20, 60)})])
        yield both


@pytest.mark.parametrize(
    ("sql", "semi"),
    [
        ("select min(a.x), max(a.m) from a join b using (k) where b.y < 5", 1),
        ("select min(b.y), max(b.j), count(distinct b.j) from a join b using (k) where a.x < 3", 1),
        ("select distinct a.m from a join b using (k) join c using (j) where c.z < 4", 2),
        ("select a.m, min(a.x + 1), bool_or(a.x > 7) from a join b on a.k = b.k and a.m = b.j group by a.m", 1),
        ("select a.m, max(c.z) from a join b using (k) join c using (j) where a.x < c.z or a.m = 2 group by a.m", 0),
        ("select min(a.x) from a join b on a.k is not distinct from b.k where b.j > 2", 1),
        ("select m, count(*) from a where k in (select b.k from b join c using (j) where c.z < 3) group by m", 2),
        ("select m, count(*) from a where k not in (select b.k from b join c using (j) where b.k > 3) group by m", 1),
        ("select min(a.x), count(*) from a join b using (k)", 0),
        ("select a.m, sum(distinct a.x), avg(distinct a.x), min(a.x) from a join b using (k) group by a.m", 1),
        ("select b.j, min(b.y) from b join a on b.k = a.id group by b.j", 0),
        ("select min(a.x) from a left join b using (k) where a.m < 3 or b.y is null", 0),
        ("select max(s) from (select a.x + coalesce(a.m, 0) as s, b.y from a join b using (k)) t", 1),
    ],
)
def test_joins_that_only_keep_rows(pair: Pair, sql: str, semi: int) -> None:
    pair.check(sql)
    assert str(pair.locality.explain(sql)).count("semi join") == semi


@pytest.mark.parametrize(
    ("sql", "grouped"),
    [
        ("select distinct x + 1, id, k from a", False),
        ("select distinct a.id, c.z from a join c on a.k = c.j", True),
        ("select distinct id::double, m from a", True),
        ("select distinct x, m from a", True),
    ],
)
def test_distinct_rows_are_not_grouped(pair: Pair, sql: str, grouped: bool) -> None:
    pair.check(sql)
    plan = [line.strip() for line in str(pair.locality.explain(sql)).splitlines()]
    assert ("aggregate" in plan) == grouped


def test_random_queries(pair: Pair) -> None:
    source = random.Random(11)
    columns = ["a.k", "a.x", "a.m", "b.j", "b.y", "c.z"]
    for _ in range(8):
        calls = ", ".join(f"{source.choice(['min', 'max', 'count'])}(distinct {c})" for c in source.sample(columns, 2))
        group = source.choice(columns)
        joins = source.choice(
            ["a join b using (k) join c using (j)", "c join b using (j) join a on a.k = b.k and a.m <= 3"]
        )
        where = f"{source.choice(columns)} {source.choice(['<', '>=', '='])} {source.randrange(6)}"
        pair.check(f"select {group}, {calls} from {joins} where {where} group by {group}")
