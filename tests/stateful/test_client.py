"""Random statements and client methods on an attached connection and a plain one: each gives the same.

A hundred and twenty, or two and a half thousand with ``LOCALITY_TEST_EFFORT=20``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

import locality
from locality.runtime import parts
from tests.properties.effort import EFFORT
from tests.versions import since_2

TABLES = """
create table t as select range::int as a, 'b' || range % 3 as b from range(10);
create table u as select range % 4 as a, range as c from range(8);
create table w(x double, d decimal(12, 3), ts timestamp, tz timestamptz);
insert into w select if(range % 5 = 0, 'nan'::double, range / 7), range / 3, timestamp '2024-01-01'
+ to_hours(range * 7),
timestamptz '2024-03-30 22:00:00+00' + to_hours(range) from range(12);
create table k(e enum('a', 'b', 'c'), bl blob, i interval);
insert into k values ('a', '\\xAA'::blob, interval 1 day), ('c', null, interval 36 hour), (null, 'x'::blob, null);
create view v as select * from t; create macro f(x) as x * 2; create macro tm(n) as table select * from t where a < n;
"""
STATEMENTS = [
    "select count(*), sum(a), min(b) from t",
    "select b, avg(a) from t group by b order by all",
    "select count(*) from v",
    "select t.a, u.c from t join u on t.a = u.a order by all limit 7",
    "select a // 2, a / 2 from t order by all",
    "select f(a) from u order by all",
    "from t select a order by all",
    "select * from tm(3) order by all",
    "select date_trunc('day', tz), sum(d) from w group by all order by all",
    "select cast(b as integer) from t",
    "select bogus from t",
    "select approx_quantile(a, 0.5) is null from t",
    "select max(e), min(bl), max(i) from k",
    "select row_number() over (order by a, b), a from t order by all limit 4",
    "select count(*) from query_table('t')",
    "select b, list(a order by a) from t group by b order by b",
    "select 1; select count(*) from t",
    "select t from t order by all limit 2",
    "select typeof(sum(a)), typeof(avg(a)) from t",
    "insert into t values (7, 'x'), (null, null)",
    "update t set a = a + 1 where b = 'b1'",
    "delete from u where a = 1",
    "insert into t select b_.a, 'n' from frame b_",
    "truncate u",
    "checkpoint",
    "alter table t add column z int default 3",
    "alter table t drop column z",
    "insert into u values (1, 1) returning *",
    "create or replace view v as select * from t where a > 2",
    "create or replace macro f(x) as x + 1",
    "create or replace temp macro f(x) as x - 1",
    "drop macro if exists temp.f",
    "use memory",
    "use my",
    "set threads = 2",
    "create or replace temp view t as select 100 as a, 'temp' as b",
    "drop view if exists temp.t",
    "set default_null_order = 'nulls_first'",
    "reset default_null_order",
    "set TimeZone = 'America/New_York'",
    "reset TimeZone",
    "set default_order = 'desc'",
    "reset default_order",
    "prepare p as select count(*) from t where a > ?",
    "execute p(2)",
    "set schema = 'main'",
    "begin",
    "commit",
    "rollback",
    "begin; insert into u values (9, 9); rollback",
]
#: Statements by which names, tables and settings become others.
OTHERS = [
    "create schema if not exists s; create or replace table s.t as select 5 as a, 's' as b",
    "select count(*), sum(a) from s.t",
    "set search_path = 's,main'",
    "use s",
    "drop schema if exists s cascade",
    "attach if not exists ':memory:' as db2; create or replace table db2.t as select 42 as a, 'db2' as b",
    "select sum(a) from db2.t",
    "select t.a, x.a from t join db2.t as x on t.a < x.a order by all limit 3",
    "use db2",
    "detach database if exists db2",
    "create or replace view vv as select b, count(*) as n from v group by b",
    "select * from vv order by all",
    "select x.n, t.a from vv x join t on x.b = t.b order by all limit 5",
    "create or replace macro g(x, y := 2) as f(x) + y",
    "select g(a), g(a, y := 3) from u order by all",
    "create or replace macro tt() as table select b, sum(a) as s from v group by b",
    "from tt() order by all",
    "create or replace temp table u as select 1 as a, 2 as c",
    "drop table if exists temp.u",
    "create sequence if not exists q; select nextval('q') > 0 from t limit 1",
    "create or replace table gen(a int, b int generated always as (a * 2))",
    "insert into gen values (1), (2)",
    "select sum(b) from gen",
    "alter table t rename column b to bb",
    "alter table t rename column bb to b",
    "alter table u rename to u2",
    "alter table u2 rename to u",
    "copy (select a, b from t order by all) to '{folder}/t.csv'",
    "copy t(a, b) from '{folder}/t.csv'",
    "select count(*) from '{folder}/t.csv'",
    "create or replace table made as select b, sum(a) as s from t group by b",
    "select * from made order by all",
    "insert into made select b, count(*) from t group by b",
    "merge into u using (select a, 1 as c from t) x on u.a = x.a when matched then update set c = x.c",
    "prepare p2 as select b, sum(a) from t where a >= $x group by b order by all",
    "execute p2(x := 1)",
    "deallocate p2",
    "set variable least = 3",
    "select count(*) from t where a > getvariable('least')",
    "set integer_division = true",
    "reset integer_division",
    "set scalar_subquery_error_on_multiple_rows = false",
    "reset scalar_subquery_error_on_multiple_rows",
    "set preserve_insertion_order = false; set preserve_insertion_order = true",
    "select (select a from t where b = 'b0') from u order by all",
    "select * from t tablesample 100% order by all limit 2",
    "describe t",
    "summarize select a from t",
    "show tables",
    "explain select count(*) from t",
    "pivot t on b using count(*)",
    "from t select columns('a') order by all limit 2",
    "select * exclude (b) from t order by all limit 3",
    "select a from t union all by name select c as a from u order by all",
    "select count(*) from t where b in (select b from v) and exists (select 1 from u where u.a = t.a)",
    "select lag(a) over (order by a), a from t qualify row_number() over (order by a) < 4 order by all",
    "vacuum",
    "comment on table t is 'some'",
    "drop table if exists t; create table t as select range::int as a, 'b' || range % 3 as b from range(10)",
]
#: Those after which databases in memory have no layouts any more.
UNSEEN: list[str | Callable[[Any], object]] = ["with w as (insert into u values (3, 3) returning a) select * from w"]
frame = pd.DataFrame({"a": [1, 2, 3]})


def _fetches(con: Any) -> object:
    con.execute("select a, b from t order by all")
    return con.fetchone(), con.fetchmany(2), [str(each) for each in con.description], con.fetchall(), con.fetchone()


def _relation(con: Any) -> object:
    rows = con.table("t").filter("a > 1").aggregate("b, sum(a) as s", "b").order("b").fetchall()
    query = con.sql("select a, b from t")
    return rows, query.columns, query.project("a + 1 as z").order("z").fetchall(), query.count("*").fetchall()


def _parameters(con: Any) -> object:
    named = con.execute("select sum(a) from t where a < $m or b = $b", {"m": 5, "b": "x"}).fetchall()
    return named, con.execute("select count(*), ? from t where a > ?", ["z", 1]).fetchall()


def _variables(con: Any) -> object:
    local = pa.table({"a": [2, 3]})
    return con.sql("select count(*) from t join local using (a)").fetchall(), len(local)


def _registered(con: Any) -> object:
    con.register("r", frame)
    rows = con.execute("select t.a from t join r on t.a = r.a order by all").fetchall()
    con.unregister("r")
    return rows


def _transaction(con: Any) -> object:
    con.begin()
    con.execute("insert into u values (77, 77)")
    rows = con.execute("select count(*) from u where a = 77").fetchall()
    con.rollback()
    return rows, con.execute("select count(*) from u where a = 77").fetchall()


def _expressions(con: Any) -> object:
    column = duckdb.ColumnExpression("a")
    rows = con.table("t").filter((column > 1) & (column < duckdb.ConstantExpression(6))).select(column + 1)
    return rows.order("1").fetchall(), con.sql("from t").filter(column.isin(1, 2)).order("all").fetchall()


def _joined(con: Any) -> object:
    left, right = con.table("t").set_alias("l"), con.sql("from u").set_alias("r")
    joined = left.join(right, "l.a = r.a").select("l.a, r.c").order("all")
    return joined.fetchall(), left.union(left).count("*").fetchall(), left.distinct().order("all").limit(3).fetchall()


def _written(con: Any) -> object:
    con.sql("select b, count(*) as n from t group by b").create("rel")
    con.table("rel").update({"n": duckdb.ConstantExpression(1)})
    rows = con.table("rel").order("all").fetchall()
    con.execute("drop table rel")
    return rows


def _viewed(con: Any) -> object:
    con.sql("select a from t where a > 1").create_view("seen", replace=True)
    rows = con.sql("select count(*) from seen").fetchall(), con.view("seen").order("all").limit(2).fetchall()
    con.execute("drop view seen")
    return rows


def _appended(con: Any) -> object:
    appender = con.appender("u")
    for each in range(3):
        appender.append_row(each, each)
    appender.flush()
    return con.execute("select count(*), sum(c) from u").fetchall()


def _function(con: Any) -> object:
    con.create_function("plus", lambda x: x + 1, ["INTEGER"], "INTEGER")
    rows = con.execute("select plus(a) from t where a is not null order by all").fetchall()
    con.remove_function("plus")
    return rows


def _read_only(con: Any) -> object:
    con.begin()
    rows = [con.execute("select count(*), sum(a) from t").fetchall() for _ in range(2)]
    return rows, con.table("u").aggregate("sum(c)").fetchall(), con.commit() is con


def _cursor(con: Any) -> object:
    with con.cursor() as cursor:
        return cursor.execute("select count(*), sum(a) from t").fetchall()


UNSEEN.append(_appended)
CALLS: list[Callable[[Any], object]] = [
    *(_fetches, _relation, _parameters, _variables, _registered, _transaction, _cursor, _expressions, _joined),
    *(_written, _viewed, _function, _read_only),
    lambda con: con.execute("select a, b from t order by all").fetchnumpy()["a"].tolist(),
    lambda con: str(con.execute("select * from w order by all").df()),
    lambda con: (con.execute("select a from t order by a").fetch_df_chunk().to_dict(), con.fetchall()),
    lambda con: [str(each) for each in (con.sql("select * from k order by all").to_arrow_table(),)],
    lambda con: str(con.sql("select * from w order by all").pl()),
    lambda con: con.executemany("insert into t(a, b) values (?, ?)", [[1, "m"], [2, "n"]]).fetchall(),
    lambda con: str(con.sql("select a, b from t order by all limit 2")),
    lambda con: con.values([9, 9]).insert_into("u"),
    lambda con: con.append("u", pd.DataFrame({"a": [1], "c": [2]})) is con,
    lambda con: len(con.extract_statements("select count(*) from t; select 2")),
]


def given(con: Any, ask: str | Callable[[Any], object], folder: Path, lazily: bool) -> str:
    """What comes of a statement, or of calls; an error by its type and first line."""
    try:
        if callable(ask):
            return repr(ask(con))
        ask = ask.replace("{folder}", str(folder))
        result = con.sql(ask) if lazily else con.execute(ask)
        return repr(result if result is None else result.fetchall())
    except duckdb.Error as error:
        return f"{type(error)} {str(error).splitlines()[0]}".replace(str(folder), "")


@since_2("the client has other methods")
@pytest.mark.parametrize("where", ["file", "memory"])
def test_an_attached_connection_does_what_a_plain_one_does(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "LEAST_BYTES", 0)
    rng = random.Random(2)
    for _ in range(EFFORT):
        folders = [tmp_path / str(rng.random()) for _ in range(2)]
        for folder in folders:
            folder.mkdir()
        paths = [str(folder / "my.duckdb") if where == "file" else ":memory:" for folder in folders]
        plain, attached = duckdb.connect(paths[0]), locality.attach(duckdb.connect(paths[1]))
        plain.execute(TABLES)
        attached.execute(TABLES)
        attached.accelerate()
        both = [(plain, attached), (plain.cursor(), attached.cursor())]
        native, weights = 0, (45, 25, 28, 2 if where == "file" else 0)
        for step in range(60):
            if step % 20 == 19:
                try:
                    attached.refresh()
                except (locality.LocalityError, duckdb.Error):  # a transaction is open, or a table was changed for good
                    continue
            ask = rng.choice(rng.choices([STATEMENTS, CALLS, OTHERS, UNSEEN], weights)[0])
            one, other = rng.choice(both)
            lazily = rng.random() < 0.3
            expected, other.last_profile = given(one, ask, folders[0], lazily), None
            assert given(other, ask, folders[1], lazily) == expected, (step, ask)
            native += other.last_profile is not None and other.last_profile.engine == "locality"
        assert native
        for con in (*both[0], *both[1]):
            con.close()
