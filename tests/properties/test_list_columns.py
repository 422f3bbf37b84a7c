"""Columns of lists, and lists taken apart, against DuckDB: by Locality's operators."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from tests.properties.oracle import Pair

_NATIVE = (
    "select i, st.a from o",
    "select i, ll, st from o where ll[2][1] = 2",
    "select i, l, s, d from o where qty is null or qty < 5",
    "select i, l from o order by qty nulls last, i desc limit 5",
    "select i, unnest(l), unnest(s), unnest([qty, 7]) from o",
    "select i, x from o, unnest(l) t(x) where x <> 1",
    "select i, x from o left join lateral (select unnest(s) x) on true",
    "select i, (select sum(x) from unnest(l) t(x)) from o",
    "select i, x from o, unnest([qty, i]) t(x)",
    "select i, x from o, generate_series(1, qty) t(x)",
    "select i, x from o, range(qty) t(x) where i > 5",
    "select w, count(*) from (select unnest(string_split(t, ',')) w from o) group by 1",
    "select x, count(*), sum(i) from o, unnest(s) u(x) group by 1",
    "select len(l), l[1], list_contains(s, 'a'), list_sum(l), l || [1] from o",
    "select l is null, count(*), count(distinct i) from o group by 1",
    "select i from o where len(l) > 1 or l = [1]",
    "select a.i, a.l from o a join o b on a.i = b.i + 1 where b.qty > 0",
    "select l from o where i < 20 union all select l from o where i >= 15",
    "select l, count(*) from o group by l",
    "select distinct d, qty from o",
    "select count(distinct s), count(distinct l) from o",
    "select i, unnest(l) u, row_number() over (partition by i) from o where i < 9",
    "select i, list(u order by u) from (select i, unnest(l) u from o) group by i",
    "select a.i from o a where exists (select 1 from unnest(a.l) t(x) where x = 3)",
    "select unnest(l) from o where false",
    "select i, coalesce(l, [0]) c, case when i > 5 then l else [9] end from o",
    "select i from o order by l, i",
)
_LEFT = {
    "select i, t.* from o, unnest(l) with ordinality t(x, n)": "ORDINALITY",
}


def _rows(seed: int, rows: int) -> pa.Table:
    source = random.Random(seed)

    def drawn(*values: Any) -> list[Any]:
        return [source.choice(values) for _ in range(rows)]

    return pa.table(
        {
            "i": pa.array(range(100 * seed, 100 * seed + rows), pa.int32()),
            "qty": pa.array(drawn(None, 0, 1, 2, 5), pa.int32()),
            "l": pa.array(drawn(None, [], [1], [1, None, 3], [4, 5]), pa.list_(pa.int32())),
            "s": pa.array(drawn(None, [], ["a"], ["b", None, "longer than twelve bytes"]), pa.list_(pa.string())),
            "d": pa.array(drawn(None, [1.5, None], [-2.0], [1e300]), pa.list_(pa.float64())),
            "t": drawn("a,b", "", "x", None, "p,q,r"),
            "st": [{"a": 1, "b": "x"}] * rows,
            "ll": [[[1], [2, 3]]] * rows,
        }
    )


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made:
        made.load("o", [_rows(0, 25), _rows(1, 9)])
        yield made


@pytest.mark.parametrize("sql", _NATIVE)
def test_lists(pair: Pair, sql: str) -> None:
    pair.check(sql)


@pytest.mark.parametrize("sql", _LEFT)
def test_what_is_left_to_duckdb(pair: Pair, sql: str) -> None:
    assert _LEFT[sql] in pair.check(sql, engine="duckdb").reason
