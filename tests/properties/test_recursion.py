"""Recursive common table expressions against DuckDB: by Locality's operators where they read a table."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.effort import examples
from tests.properties.oracle import Pair

_QUERIES = (
    """with recursive t as (select id, parent, 0 depth from e where parent is null
    union all select e.id, e.parent, depth + 1 from e join t on e.parent = t.id) select * from t""",
    """with recursive t as (select id, name path from e where parent is null
    union all select e.id, t.path || '/' || e.name from e join t on e.parent = t.id) select * from t""",
    "with recursive t as (select id, parent p from e union select t.id, e.parent from t join e on t.p = e.id) from t",
    """with recursive kept as materialized (select id, parent from e where id <> 3),
    t as (select id from kept where parent is null union all select k.id from kept k join t on k.parent = t.id)
    select count(*), (select count(*) from kept) from t""",
    """with recursive t as (select id, 0 n, null::bigint k from e union all (select e.id, n + 1,
    row_number() over (partition by t.id order by e.id) from t join e on t.id = e.parent where n < 3))
    select n, k, count(*) from t group by all""",
    """with recursive t as (select id, 1 n from e where parent is null union all
    select e.id, n + 1 from t join e on t.id = e.parent
    where exists (select 1 from e x where x.parent = t.id and x.id >= e.id))
    select n, count(*), sum(id) from t group by n""",
    """select e.id, (with recursive t as (select e.parent p union all
    select x.parent from e x join t on x.id = t.p) select count(*) from t) from e""",
)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return Pair()


def _load(pair: Pair, parents: list[int | None]) -> None:
    rows = range(len(parents))
    columns = {"id": pa.array(rows, pa.int32()), "parent": pa.array(parents, pa.int32())}
    pair.load("e", [pa.table({**columns, "name": [f"node {i % 4}" for i in rows]})])


@settings(max_examples=examples(2), deadline=None)
@given(st.data())
def test_trees(pair: Pair, data: st.DataObject) -> None:
    parents = [data.draw(st.none() if i == 0 else st.integers(0, i - 1) | st.none()) for i in range(12)]
    _load(pair, parents)
    for sql in _QUERIES:
        pair.check(sql)


@settings(max_examples=examples(4), deadline=None)
@given(st.lists(st.integers(0, 7), min_size=8, max_size=8))
def test_what_is_reached_in_a_graph_with_cycles(pair: Pair, ends: list[int]) -> None:
    _load(pair, list(ends))
    pair.check("with recursive t as (select 1 x union select e.parent from t join e on e.id = t.x) select * from t")
    pair.check(
        "with recursive t as (select id, parent p from e union select t.id, e.parent from t, e where e.id = t.p) from t"
    )


def test_what_is_left_to_duckdb(pair: Pair) -> None:
    _load(pair, [None])
    counting = "with recursive t(n) as (select 1 union all select n + 1 from t where {}) select sum(n) from t"
    assert "reads no table" in pair.check(counting.format("n < 100"), engine="duckdb").reason
    endless = counting.format("n < 100 and n < (select count(*) + 1000 from e)")
    assert "more than 64 steps" in pair.check(endless, engine="duckdb").reason
