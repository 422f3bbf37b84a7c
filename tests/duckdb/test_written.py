"""Statements that write what a query gives: Locality runs the query, DuckDB writes, and the outcome is the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import locality
from locality.duckdb import AttachedConnection
from locality.runtime import parts
from tests.versions import since_2

# Names that don't occur in the database's log by chance, which would make their layouts stale.
TABLES = """
create table buyers as select range as a, 'x' || range % 7 as b from range(100);
create table sales as
select range % 100 as a, (range / 7)::decimal(10, 2) as v, timestamptz '2024-01-01 00:30:00+00' + to_hours(range) as d
from range(3000);
create table loose(a integer);
create table log(a integer primary key default 7000, n decimal(20, 1), s varchar not null);
insert into log values (77, 0, 'there');
"""
SUMS = "select a % 10 as k, sum(v) as s, count(*) as n, min(d) as d from sales group by k"


@pytest.fixture(autouse=True)
def anything_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LEAST_BYTES", 0)


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AttachedConnection]:
    with locality.attach(duckdb.connect(tmp_path_factory.mktemp("written") / "my.duckdb")) as connection:
        connection.execute(TABLES)
        connection.accelerate("buyers", "sales")
        yield connection


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Any]:
    with duckdb.connect(tmp_path / "plain.duckdb") as connection:
        connection.execute(TABLES)
        yield connection


def count_of_parts(con: AttachedConnection) -> int:
    assert con.last_profile is not None and con.last_profile.engine == "duckdb"
    return len(con.last_profile.parts)


WRITTEN = [
    (f"create table x as {SUMS}", 1),
    (f"create or replace temp table x as (with c as ({SUMS}) select * from c)", 1),
    (f"create table if not exists x(k, s, n, d) as ({SUMS});", 1),
    (f"create table x as {SUMS} order by k desc limit 3", 1),
    ("create table x as select sales.a, buyers.b from sales join buyers using (a) where v < 3", 1),
    (
        "create table x as select b, sum(v) as s from sales, buyers where sales.a = buyers.a group by b",
        1,
    ),
    (f"create table x(k bigint, s decimal(38, 2), n int, d timestamptz); insert into x {SUMS}", 0),
    (f"create table x as select *, random() > 2 as r from ({SUMS})", 0),
    (f"create table x as {SUMS} with no data", 0),
    ("create table x as select null as nothing, 'y' as text, count(*) as n from sales", 0),
    ("create table x as select count(*) as n from loose", 0),
]


@since_2("an attached connection doesn't divide statements")
def test_new_tables_are_duckdbs(con: AttachedConnection, plain: Any) -> None:
    described = "select column_name, data_type, is_nullable from duckdb_columns() where table_name = 'x' order by all"
    for number, (sql, count) in enumerate(WRITTEN):
        if number % 2:
            assert con.execute(sql).fetchall() == plain.execute(sql).fetchall(), sql
        else:
            assert (con.sql(sql) is None) == (plain.sql(sql) is None), sql
        assert count_of_parts(con) == count, sql
        for text in ("select * from x order by all", described):
            assert con._raw.execute(text).fetchall() == plain.execute(text).fetchall(), sql
        for each in (con, plain):
            each.execute("drop table x")


INSERTS = [
    ("insert into log select a, count(*), 'x' || a from sales group by a having a < 5", 1),
    ("insert into log(a, n) (select a, sum(v) from sales group by a)", 1),
    ("insert into log by name select 'z' as s, a, count(*) as n from sales group by a", 1),
    ("insert into log select a, a + 1, 'again' from sales group by a on conflict (a) do update set n = 7", 1),
    ("insert or replace into log from (select a % 7 as a, count(*) as n, min(b) from buyers group by all)", 1),
    ("insert into log select a, count(*), 'x' from sales where a < 9 group by a returning a, n + 1 as more", 1),
    ("insert into log values (1000, 1, 'one'), (2000, 2, (select max(b) from buyers))", 0),
    ("insert into log default values", 0),
    ("insert into log select a, count(*), 'x' from sales group by a", 1),  # twice the same keys: it fails
    ("insert into log select 500000000000 + a, count(*), 'x' from sales group by a", 1),  # too large for the column
]


@since_2("an attached connection doesn't divide statements")
def test_inserts_are_duckdbs(con: AttachedConnection, plain: Any) -> None:
    for sql, count in INSERTS:
        outcomes: list[list[object]] = []
        for each in (con, plain):
            each.begin()
            try:
                outcomes.append([sorted(each.execute(sql).fetchall()), each.execute("from log order by 1").fetchall()])
            except duckdb.Error as error:
                outcomes.append([type(error), str(error).partition("LINE")[0][:90]])
                with pytest.raises(duckdb.Error, match="abort"):
                    each.execute("select 1")
            each.rollback()
        assert outcomes[0] == outcomes[1], sql
        if not isinstance(outcomes[0][0], type):
            con.execute(sql)
            assert count_of_parts(con) == count, sql
            con.execute("delete from log where a != 77; update log set n = 0")


@since_2("an attached connection doesn't divide statements")
def test_a_file_gets_the_rows_of_the_query(con: AttachedConnection, plain: Any, tmp_path: Path) -> None:
    for form in ("parquet", "csv"):
        found = []
        for each in (con, plain):
            path = tmp_path / f"rows.{form}"
            assert each.execute(f"copy ({SUMS} order by k) to '{path}' (format {form})").fetchall() == [(10,)]
            found.append((plain.execute(f"from '{path}'").fetchall(), plain.sql(f"from '{path}'").types))
        assert found[0] == found[1]
        assert count_of_parts(con) == 1


@since_2("an attached connection doesn't divide statements")
def test_parameters_go_where_their_places_are(con: AttachedConnection, plain: Any) -> None:
    for sql, params in (
        ("insert into log select a + ?, sum(v) + ?, ? from sales where v < ? group by a", [1000, 1, "y", 300]),
        ("insert into log select a + $2, sum(v), $1 from sales where a < $2 group by a", ("z", 5000)),
        ("insert into log select a + $b, sum(v), $s from sales where a < $b group by a", {"s": "y", "b": 9000}),
    ):
        for each in (con, plain):
            assert each.execute(sql, params).fetchall() == [(100,)]
        assert count_of_parts(con) == 1
    assert con.execute("from log order by a").fetchall() == plain.execute("from log order by a").fetchall()
    con.execute("delete from log where a != 77")


@since_2("an attached connection doesn't divide statements")
def test_what_is_written_is_of_the_transaction(con: AttachedConnection) -> None:
    other = con.cursor()
    con.begin()
    con.execute("select count(*) from sales")
    other.execute("insert into sales values (1, 1, null)")
    con.execute("create table seen as select count(*) as n from sales group by a % 1")
    assert count_of_parts(con) == 0  # the layout is of the state that it began with, but so the stamp does not tell
    assert con.execute("from seen").fetchall() == [(3000,)]
    con.rollback()
    con.refresh()
    con.begin()
    con.execute("create table seen as select count(*) as n from sales group by a % 1")
    assert count_of_parts(con) == 1
    con.execute("delete from sales where a = 1")
    con.execute("insert into seen select count(*) as n from sales group by a % 1")
    assert count_of_parts(con) == 0
    assert con.execute("from seen").fetchall() == [(3001,), (2970,)]
    con.rollback()
    con.refresh()
    with pytest.raises(duckdb.CatalogException):
        con.execute("from seen")
    con.execute("select count(*) from sales")
    assert con.last_profile is not None and con.last_profile.engine == "locality"
