"""Groups and joins by a parent's position instead of its key: the same answers, where rows follow the position."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from locality.runtime.statistics import StoredStatistics
from tests.properties.oracle import Pair

PARENTS = 500
GROUPED = [
    "select parent, sum(v) from children group by parent",
    "select parent, count(*), max(w) from children where v > 3 group by parent having count(*) > 1",
    "select parent, day, word, sum(v) from children join parents on parent = k group by parent, day, word",
    "select k, word, count(v) from children join parents on parent = k where day < 20 group by k, word",
    "select word, k, sum(v) from parents join children on k = parent group by all having sum(v) > 20",
    "select day, k, parent, max(w) from parents join children on k = parent group by all",
    """select k, n, sum(v) from children, parents, (select parent p, count(*) n from children group by parent)
       where parent = k and p = k group by all""",
    "select distinct parent from children where w = 2",
    "select count(distinct parent), count(distinct v) from children where w < 3",
    "select w, count(distinct parent), sum(v) from children group by w",
    "select day, count(distinct k) from children join parents on parent = k where v > 2 group by day",
    "select count(distinct parent), count(*) from parents left join children on k = parent and w > 2",
    "select parent, v, sum(w) over (partition by parent order by v, w) from children",
    "select v from (select *, row_number() over (partition by parent order by v, w) r from children) where r = 1",
    "select k, parent, count(*) over (partition by parent) from parents left join children on k = parent and w > 2",
    "select v % 3, parent, sum(w) from children group by all order by 3 desc, 1, 2 limit 9",
]
JOINED = [
    "select count(*) from children a where exists (from children b where b.parent = a.parent and b.w <> a.w)",
    "select count(*) from children a where not exists (from children b where b.parent = a.parent and b.v > a.v + 5)",
    "select k, n from parents left join (select parent, count(*) n from children group by parent) on k = parent",
    """select word, sum(s) from parents, (select parent, sum(v) s from children group by parent) where k = parent
       group by word""",
    """with c as (select parent, sum(v) s from children group by parent)
       select count(*) from c x, c y where x.parent = y.parent""",
    """select word, count(*) from parents where k in (select parent from children group by parent having sum(v) > 9)
       group by word""",
]
OTHERS = [
    "select count(*), sum(a.v) from children a, children b where a.parent = b.parent and a.w < b.w",
    "select parent from children where v > 7 union all select k from parents where day = 3",
    "select parent, row_number() over (order by parent, v, w) from children where w = 1",
    "select parent, s from (select parent, sum(v) s from children group by parent) where parent between 7 and 30",
    "select max(parent), min(s) from (select parent, sum(v) as s from children group by parent)",
]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    rng = np.random.default_rng(5)
    parents = pa.table(
        {
            "k": rng.permutation(PARENTS),
            "day": pa.array(rng.integers(0, 30, PARENTS).astype(np.int32)),
            "word": [None if i % 7 == 0 else f"w{i % 5}" for i in range(PARENTS)],
        }
    )
    count = 4 * PARENTS
    children = pa.table(
        {
            "parent": rng.integers(0, PARENTS, count),
            "v": pa.array(rng.integers(0, 9, count).astype(np.int32)),
            "w": pa.array(rng.integers(0, 4, count).astype(np.int32)),
        }
    )

    def follows(statistics: StoredStatistics, table: str, layout: str, column: int) -> bool:
        """As it is of tables of many zones."""
        return column >= len(statistics.tables[table].columns)

    with pytest.MonkeyPatch.context() as patch, Pair() as made:
        patch.setattr(StoredStatistics, "follows", follows)
        made.locality.ingest("parents", parents, primary_key="k")
        made.locality.ingest("children", children, foreign_keys={"parent": "parents"})
        for name, table in (("parents", parents), ("children", children)):
            made.duckdb.from_arrow(table).create(name)
        made.locality.optimize("parents", order=["day", "k"])
        made.locality.optimize("children", order=["parents.day", "parent"], carry=["parents.day", "parents.rowid"])
        made.check("delete from children where v = 8 and parent % 3 = 0")
        yield made


def columns_read(pair: Pair, sql: str) -> set[str]:
    return {column for operator in pair.locality.sql(sql).profile.operators for column in operator.touched}


@pytest.mark.parametrize("sql", GROUPED + JOINED)
def test_answers_by_positions_are_those_by_keys(pair: Pair, sql: str) -> None:
    pair.check(sql)
    assert "children.parents.rowid" in columns_read(pair, sql)


@pytest.mark.parametrize("sql", OTHERS)
def test_answers_stay_the_same(pair: Pair, sql: str) -> None:
    pair.check(sql)


def test_keys_that_nobody_asks_for_are_not_read(pair: Pair) -> None:
    sql = "select count(*) from (select parent, sum(v) s from children group by parent) where s > 9"
    pair.check(sql)
    assert "children.parent" not in columns_read(pair, sql)
    pair.locality.settings.disabled_optimizers = frozenset({"group_by_positions"})
    assert "children.parents.rowid" not in columns_read(pair, sql)
    pair.locality.settings.disabled_optimizers = frozenset()
