"""ROLLUP, CUBE and GROUPING SETS: DuckDB's rows and types, answered by Locality."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from tests.properties.oracle import Pair

TABLE = pa.table(
    {
        "a": [1, 2, 2, None, 1, 3],
        "s": ["x", "y", None, "x", "x", ""],
        "n": [10, None, 30, 40, 50, 60],
        "d": pa.array([0.5, 1.5, None, 2.5, 3.5, 4.5]),
    }
)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made:
        made.load("t", [TABLE, TABLE.slice(0, 2)])
        made.load("nothing", [TABLE.slice(0, 0)])
        yield made


@pytest.mark.parametrize("table", ["t", "nothing"])
@pytest.mark.parametrize(
    "query",
    [
        "select a, s, sum(n), grouping(a, s), grouping(s) from {} group by rollup(a, s)",
        "select a, s, avg(d), count(*) from {} group by cube(a, s)",
        "select a, s, min(s), max(n) from {} group by grouping sets ((a), (s), (a, s), (), ())",
        "select a, grouping(a), count(*) from {} group by a",
        "select a, s from {} group by rollup(a, s)",
        "select a + 1 as b, count(distinct s) from {} group by grouping sets ((a + 1), ())",
        "select s, sum(n) filter (a > 1) as total from {} group by rollup(s) having count(*) > 1 order by total, s",
        "select * from (select a, s, sum(n) as n from {} where n > 10 group by cube(a, s)) g join {} u on g.a = u.a",
        "select s, rank() over (partition by grouping(s) order by sum(n)) from {} group by rollup(s)",
    ],
)
def test_grouping_sets(query: str, table: str, pair: Pair) -> None:
    pair.check(query.replace("{}", table))
