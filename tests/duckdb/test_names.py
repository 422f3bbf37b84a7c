"""Views, macros, schemas, search paths and databases: names mean what they mean to DuckDB, whoever answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import locality
from locality.duckdb import AttachedConnection

DATA = """
create table sales as select range % 50 as a, (range / 7)::decimal(10, 2) as v, 'x' || range % 5 as b from range(500);
create table loose as select range as a from range(5);
create schema s;
create table s.other as select 7 as a;
create table s.sales as select 7 as a, 'y' as b;
create view few as select a, b, v from sales where a < 9;
create view by_b(name, total) as select b, sum(v) from few group by b;
create view mixed as select loose.a, b from loose join sales using (a);
create view s.elsewhere as select * from main.sales;
create view moment as select *, now() as seen from sales;
create view shuffled as select * from sales where random() < 2;
create macro twice(x) as 2 * x;
create view doubled as select twice(a) as a from sales;
create macro plus(x, y := 3) as x + y;
create macro forms(x) as x, (x, y) as x * y;
create macro below(n) as table select a, b from few where a < n;
create macro most() as (select max(a) from sales);
create macro aged(x) as x > 2 and now() > timestamp '2000-01-01';
create macro unlike(x) as twice(x) + 0 * random();
create view unliked as select unlike(a) as a from sales;
create macro loosely() as table select loose.a from loose, sales;
create macro s.elsewhere(x) as x;
create view qualified as select sales.b, count(*) as n from my.main.sales group by all;
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("names") / "my.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(DATA)
    return path


@pytest.fixture
def con(path: Path) -> Iterator[AttachedConnection]:
    with locality.attach(duckdb.connect(path)) as connection:
        connection.accelerate("sales")
        yield connection


SAME = [
    "select * from few order by all",
    "select name, total from by_b order by all",
    "select f.b, count(*) from few f join by_b on f.b = name where total > 10 group by all order by all",
    "select count(*) from main.few",
    "select few.b, max(few.v) from my.few group by all order by all",
    "select sum(sales.v) from my.main.sales where my.main.sales.a < 4",
    "select sum(main.sales.v), count(my.sales.a) from my.sales",
    "select * from my.main.qualified order by all",
    "with few as (select a from sales where a > 30) select count(*) from few",
    "select count(*) from (select 1 as few from sales)",
    "select sum(a) from doubled",
    "select twice(max(a)), main.twice(max(twice(a))), max(a.twice()) from sales",
    "select max(plus(a, 2)), min(plus(a, y := 4)) from sales",
    "select b, count(*) from below(7) group by all order by all",
    "select count(*) from sales join my.main.below(5) using (a) where a < most()",
]
DUCKDBS = [
    "select a, b from mixed order by all",
    "select count(*) from s.elsewhere",
    "select count(*), min(seen) <= now() from moment",
    "select count(*) from shuffled",
    "select max(plus(a)) from sales",
    "select max(forms(a)) from sales",
    "select max(aged(a)) from sales",
    "select max(unlike(a)) from sales",
    "select max(a) from unliked",
    "select count(*) from loosely()",
    "select max(s.elsewhere(a)) from sales",
    "select count(*) from s.other, sales",
    "select count(*), min(b) from s.sales",
]


def test_views_and_qualified_names_are_answered_here(con: AttachedConnection) -> None:
    for expected, texts in (("locality", SAME), ("duckdb", DUCKDBS)):
        for text in texts:
            assert con.execute(text).fetchall() == con._raw.execute(text).fetchall()
            con.execute(text).fetchall()
            assert con.last_profile is not None and con.last_profile.engine == expected, (text, con.last_profile.reason)
    relation = con.view("by_b")
    assert relation is not None
    assert relation.order("all").fetchall() == con._raw.view("by_b").order("all").fetchall()
    assert con.last_profile is not None and con.last_profile.engine == "locality"


FEW = "create or replace view few as select a, b, v from sales where a < 9"
#: What changes the meaning of names, and what takes it back.
CHANGES = [
    ("create or replace view few as select a, b, v from sales where a > 9", FEW),
    ("create or replace temp view few as select 1 as a, 'y' as b, 2.0 as v", "drop view temp.few"),
    ("create or replace view few as select a, 'z' as b, 1 as v from loose", FEW),
    ("create or replace temp macro sum(x) as 7", "drop macro temp.sum"),
    ("create or replace view few as select twice(a) as a, b, v from sales", FEW),
    ("create or replace macro twice(x) as 3 * x", "create or replace macro twice(x) as 2 * x"),
    ("alter view few rename to fewer; create view few as select * from fewer where a = 1", f"drop view fewer; {FEW}"),
    ("create view s.few as select 1 as a, 'u' as b, 2 as v; use s", "use my; drop view s.few"),
    ("create view s.few as select 1 as a, 'u' as b, 2 as v; set search_path = 's,main'",
     "use my; drop view s.few"),
    ("attach ':memory:' as second; create table second.sales as select 1 as a, 2 as v, 'q' as b", "detach second"),
    ("attach ':memory:' as second; create table second.few as select 1 as a, 2 as v, 'q' as b; use second",
     "use my; detach second"),
    ("create temp macro twice(x) as 5 * x", "drop macro temp.twice"),
    ("create macro s.twice(x) as 5 * x; use s", "use my; drop macro s.twice"),
    ("create or replace macro most() as 4", "create or replace macro most() as (select max(a) from sales)"),
    ("create schema my", "drop schema my"),
    ("create temp table sales as select 1 as a, 2 as v, 'q' as b", "drop table temp.sales"),
    ("set integer_division = true", "reset integer_division"),
    ("begin; create or replace view few as select a, b, v from sales where a = 9", "rollback"),
]  # fmt: skip


def test_names_that_change_are_noticed(con: AttachedConnection, tmp_path: Path) -> None:
    texts = ["select * from few order by all", "select sum(a / 2) from few", SAME[1], SAME[5], SAME[10], SAME[14]]
    with duckdb.connect(tmp_path / "my.duckdb") as plain:
        plain.execute(DATA)
        for change, undo in CHANGES:
            engines = set()
            for text in (change, undo):
                outcomes: list[list[object]] = []
                for each in (con, plain):
                    each.execute(text).fetchall()
                    outcomes.append([_outcome(each, text) for text in texts])
                assert outcomes[0] == outcomes[1], text
            con.refresh()  # the texts of views are in the log, with the names in them
            for text in texts:
                con.execute(text).fetchall()
                assert con.last_profile is not None
                engines.add(con.last_profile.engine)
            assert engines == {"locality"}, undo


def _outcome(con: Any, text: str) -> object:
    try:
        return con.execute(text).fetchall()
    except duckdb.Error as error:
        return type(error)
