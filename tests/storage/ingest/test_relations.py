"""Relations of DuckDB: types that Arrow has no name for come out as DuckDB's own, with DuckDB's values and order."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest

import locality
from locality.errors import SchemaError

ROWS = 70_000
SOURCE = f"""
    select i::bigint as i,
        case i % 4 when 0 then null when 1 then {2**127 - 1}::hugeint when 2 then {1 - 2**127}::hugeint else i end as h,
        case when i % 5 = 0 then null else md5(i::varchar)::uuid end as u,
        case i % 3 when 0 then null when 1 then 'it''s' else 'a,{{b}}' end::mood as m
    from range({ROWS}) r(i)
"""


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[locality.Connection, duckdb.DuckDBPyConnection]]:
    with duckdb.connect() as oracle, locality.connect() as con:
        oracle.execute("create type mood as enum ('it''s', 'unused', 'a,{b}')")
        oracle.execute(f"create table t as {SOURCE}")
        con.ingest("t", oracle.table("t"))
        con.ingest("t", oracle.sql("select m, u, h, i + 1 as i from t"), mode="append")
        oracle.execute("insert into t by name select m, u, h, i + 1 as i from t")
        yield con, oracle


@pytest.mark.parametrize(
    ("query", "engine"),
    [
        ("select h from t order by h limit 9", "locality"),
        ("select min(h), max(h), count(h) from t", "locality"),
        ("select u from t where u > 'a0000000-0000-0000-0000-000000000000' order by u limit 9", "locality"),
        ("select count(*) from t where u in ('c4ca4238-a0b9-2382-0dcc-509a6f75849b', null)", "locality"),
        ("select min(u), max(u), count(distinct u), min(u::varchar) from t", "locality"),
        ("select u, count(*) from t where i < 50 group by u order by u nulls first", "locality"),
        ("select a.i, b.u from t a join t b using (u) where a.i < 20 order by all", "locality"),
        ("select m, count(*) from t group by m order by m", "locality"),
        ("select i, m from t where i < 50 order by m desc nulls last, i", "locality"),
        ("select count(*) from t where m < 'a,{b}' or m = 'unused'", "locality"),
        ("select min(m), max(m), count(distinct m), first(m order by i) from t", "locality"),
        ("select a.m, b.i from t a join t b on a.m = b.m where a.i < 9 and b.i < 9 order by all", "locality"),
        ("select m, max(m::varchar), coalesce(m, 'unused') c from t group by all order by all", "locality"),
        ("select i, lag(m) over (order by i) from t where i < 9 order by all", "locality"),
        ("select i, case when i > 3 then m else 'unused' end from t where i < 9 order by i", "locality"),
        ("select i, coalesce(m, 'a,{b}') = 'a,{b}' from t where i < 9 order by i", "locality"),
        (
            "select upper(m::varchar || 'x'), max(case m when 'a,{b}' then 1 else 2 end) from t group by 1 order by 1",
            "locality",
        ),
        ("select m from t union select 'unused'::enum('it''s', 'unused', 'a,{b}') order by 1", "locality"),
        ("select list(m order by i, m) from t where i < 9", "duckdb"),
        ("select typeof(h), typeof(u), typeof(m), * from t order by all limit 9", "locality"),
        ("select sum(i), count(*) from t where i < 1000", "locality"),
    ],
)
def test_types_and_values(both: tuple[locality.Connection, duckdb.DuckDBPyConnection], query: str, engine: str) -> None:
    con, oracle = both
    found, expected = con.sql(query), oracle.sql(query)
    assert found.types == [str(dtype) for dtype in expected.types]
    assert found.fetchall() == expected.fetchall()
    assert found.profile.engine == engine


def test_what_may_be_appended(both: tuple[locality.Connection, duckdb.DuckDBPyConnection]) -> None:
    con, oracle = both
    con.ingest("n", oracle.sql("select 1::hugeint as h"))
    con.ingest("n", pa.table({"h": pa.array([2, None], pa.int32())}), mode="append")
    assert con.sql("select h from n").fetchall() == [(1,), (2,), (None,)]
    with pytest.raises(SchemaError, match="'u' of table 't' is UUID.*VARCHAR does not fit"):
        con.ingest(
            "t", pa.table({"i": [1], "h": [1], "u": ["x"], "m": ["a,{b}"]}).select(["m", "i", "h", "u"]), mode="append"
        )


@pytest.mark.parametrize("value", ["1::uhugeint", "'101'::bit", "'01:00:00+05'::timetz"])
def test_types_that_arrow_does_not_tell_are_refused(
    both: tuple[locality.Connection, duckdb.DuckDBPyConnection], value: str
) -> None:
    con, oracle = both
    with pytest.raises(SchemaError, match="column 'x': values of type .* can't be kept"):
        con.ingest("lost", oracle.sql(f"select {value} x"))


def test_bits_that_duckdb_answers(both: tuple[locality.Connection, duckdb.DuckDBPyConnection]) -> None:
    con, oracle = both
    sql = "select ('1' || repeat('01', i::integer))::bit x from range(9) r(i) order by i"
    found = con.sql(sql)
    assert found.fetchall() == oracle.sql(sql).fetchall()
    sql = "select '101'::bit, '01:00:00+05'::timetz, ['23:00:00-11'::timetz], 1::uhugeint, 2::hugeint, '12:00'::time"
    assert con.sql(sql).fetchall() == oracle.sql(sql).fetchall()
    assert con.sql(sql).to_arrow_table().schema == oracle.sql(sql).to_arrow_table().schema


def test_the_store_is_whole(both: tuple[locality.Connection, duckdb.DuckDBPyConnection]) -> None:
    assert both[0].verify().rows >= 2 * ROWS
