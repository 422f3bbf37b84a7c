"""Databases in memory that only attached connections reach: layouts are used until their tables may have changed."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import duckdb
import pandas as pd
import pytest

import locality
from locality.duckdb import AttachedConnection
from locality.errors import StoreError
from locality.runtime import parts
from tests.duckdb.rows import rows_of
from tests.versions import since_2

pytestmark = since_2("databases in memory have no layouts")

DATA = """
create table sales as select range % 50 as a, (range / 7)::decimal(10, 2) as v from range(500);
create table others as select range as a from range(5);
"""
COUNT = "select count(*), sum(a) from sales"


@pytest.fixture
def con() -> Iterator[AttachedConnection]:
    with locality.attach() as connection:
        connection.execute(DATA)
        connection.accelerate()
        yield connection


def engine(con: AttachedConnection, text: str = COUNT) -> str:
    """Who answers; the answer is DuckDB's."""
    assert con.execute(text).fetchall() == con.cursor()._raw.execute(text).fetchall()
    assert con.last_profile is not None
    return con.last_profile.engine


HARMLESS = [
    "insert into others values (7)",
    "create table made as select * from sales",
    "insert into made select a, v from sales",
    "create view seen as select * from sales; create macro most() as (select max(a) from sales)",
    "explain analyze select count(*) from sales",
    "set default_order = 'asc'; reset default_order",
    "begin; update others set a = 8; rollback",
    "copy (select * from sales) to '/dev/null'",
    "prepare asked as select count(*) from sales",
    "describe sales",
    "select count(*) from sales where a::varchar = 'insert (delete'",
    "checkpoint",
    "drop table made",
]
CHANGES = [
    "insert into SALES values (1, 1)",
    "insert into others select 9; delete from sales where a = 3",
    'explain analyze update "sales" set a = a + 1 where a = 2',
    "begin; delete from main.sales where a = 4; commit",
    "prepare added as insert into sales values (1, 2); execute added",
    "create or replace table sales as select * from sales where a > 2",
    "alter table sales rename to sold; alter table sold rename to sales",
    "insert into sales values (1, 1) returning a",
    "merge into sales using (select 100 as a) s on sales.a = s.a when not matched then insert values (s.a, 1)",
    "truncate sales; insert into sales select range, range from range(70)",
    "create schema s; create table s.t as select 1 as a; drop schema s cascade",
    "with z as (select 1 as a) insert into sales select a, a from z",
    "explain analyze with z as (select 1 as a) insert into sales select a, a from z",
    "with z as (select 2 as a) delete from sales using z where sales.a = z.a",
]


def test_statements_that_may_change_a_table_end_the_use_of_its_layout(con: AttachedConnection) -> None:
    assert engine(con) == "locality"
    for text in HARMLESS:
        con.execute(text).fetchall()
        assert engine(con) == "locality", text
    other = con.cursor()
    for who, text in zip(cycle((con, other)), CHANGES, strict=False):
        who.execute(text).fetchall()
        assert engine(con) == engine(other) == "duckdb", text
        con.refresh()
        assert engine(con) == engine(other) == "locality", text
    assert engine(con, "select count(*) from others") == "locality"


def test_calls_that_may_change_a_table_do_so_too(con: AttachedConnection) -> None:
    frame = pd.DataFrame({"a": [1, 2], "v": [1, 2]})
    con.register("frame", frame)
    con.append("others", frame[["a"]])
    assert engine(con) == "locality"
    table: Any = con.table("sales")
    for call in (
        lambda: con.append("sales", frame),
        lambda: con.executemany("insert into sales values (?, ?)", [[1, 2]]),
        lambda: table.insert([1, 2]),
        lambda: con.from_df(frame).insert_into("sales"),
        lambda: table.update({"v": 3}, condition="a = 1"),
        lambda: con.sql("insert into sales values (5, 6)"),
        lambda: con.execute(duckdb.extract_statements("delete from sales where a = 3")[0]),
    ):
        call()
        assert engine(con) == "duckdb"
        con.refresh()
        assert engine(con) == "locality"


def test_what_a_transaction_changed_counts_when_it_ends(con: AttachedConnection) -> None:
    for begin, commit in ((con.begin, con.commit), (lambda: con.execute("begin"), lambda: con.execute("commit;"))):
        other = con.cursor()
        begin()
        assert engine(con) == "locality"
        con.execute("delete from sales where a = 1")
        con.execute(COUNT)
        assert con.last_profile is not None and con.last_profile.engine == "duckdb"
        other.refresh()
        assert engine(other) == "locality"
        commit()
        assert engine(other) == "duckdb"
        con.refresh()
        assert engine(con) == engine(other) == "locality"
        con.execute("insert into others values (1)")
        assert engine(con) == "locality"


LATER: list[Callable[[AttachedConnection], object]] = [
    lambda c: c.execute(
        "with w as (insert into sales select range, 1 from range(300000) returning a) select * from w"
    ).fetchone(),
    lambda c: c.sql("with w as (with z as (select 1 as a) insert into sales select a, a from z returning a) from w"),
    lambda c: c.execute("with w as (truncate sales) select 1"),
    lambda c: c.appender("sales"),
]


@pytest.mark.parametrize("begun", LATER)
def test_what_changes_rows_later_ends_all_use(
    con: AttachedConnection, begun: Callable[[AttachedConnection], object]
) -> None:
    other = con.cursor()
    kept = begun(con)
    with pytest.raises(StoreError, match="a query that changes rows"):
        con.refresh()
    other.execute(COUNT)
    assert other.last_profile is not None and other.last_profile.engine == "duckdb"
    del kept


def test_while_a_statement_runs_no_layout_is_used(con: AttachedConnection) -> None:
    writer, started, go_on = con.cursor(), threading.Event(), threading.Event()

    def wait(x: int) -> int:
        started.set()
        go_on.wait(20)
        return x

    writer.create_function("waiting", wait, ["BIGINT"], "BIGINT")
    thread = threading.Thread(target=writer.execute, args=["update sales set a = waiting(1) where a = 7"])
    thread.start()
    assert started.wait(20)
    try:
        assert engine(con) == "duckdb"
        assert con.last_profile is not None and "is running" in con.last_profile.reason
    finally:
        go_on.set()
        thread.join()
    assert engine(con) == "duckdb"
    con.refresh()
    assert engine(con) == "locality"


def test_parts_and_datasets(con: AttachedConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LEAST_BYTES", 0)
    con.execute("create table made as select a, sum(v) as v from sales group by a")
    assert con.last_profile is not None and len(con.last_profile.parts) == 1
    sales = con.dataset("sales")
    assert rows_of(con.sql("select count(*) from sales")) == [(500,)] and sales.count_rows() == 500
    con.execute("insert into sales values (1, 1)")
    with pytest.raises(StoreError, match="written to"):
        sales.count_rows()


def given(name: str = ":memory:") -> Any:
    raw = duckdb.connect(name)
    raw.execute(DATA)
    return raw


def test_a_connection_that_nobody_else_has_gets_layouts_in_memory() -> None:
    con = given()
    con = locality.attach(con)
    other = con.cursor()
    con.accelerate()
    assert engine(con) == engine(other) == "locality"
    other.execute("with z as (select 1 as a) insert into sales select a, a from z")
    assert engine(con) == engine(other) == "duckdb"
    con.refresh()
    assert engine(con) == engine(other) == "locality"
    con._raw.cursor()  # which isn't one that the attached connection knows of
    assert engine(con) == engine(other) == "duckdb"


HOLDERS: list[tuple[str, Callable[[Any], Any]]] = [
    ("held elsewhere", lambda raw: raw),
    ("held elsewhere", lambda raw: raw.table("sales")),
    ("held elsewhere", lambda raw: raw.execute),
    ("held elsewhere", weakref.ref),
    ("appender", lambda raw: raw.appender("sales")),
    ("another connection", lambda raw: raw.cursor()),
]


@pytest.mark.parametrize(("wrong", "hold"), HOLDERS)
def test_a_connection_that_others_may_have_is_refused_layouts_in_memory(wrong: str, hold: Callable[[Any], Any]) -> None:
    raw = given()
    con = locality.attach(raw)
    kept = hold(raw)
    del raw
    with pytest.raises(StoreError, match=wrong):
        con.accelerate()
    con.execute(COUNT)
    assert con.last_profile is not None and con.last_profile.engine == "duckdb"
    assert kept is not None


def test_duckdbs_default_connection_and_cursors_are_refused_layouts_in_memory() -> None:
    former = duckdb.default_connection()
    try:
        duckdb.set_default_connection(given())
        with pytest.raises(StoreError, match="held elsewhere"):
            locality.attach(duckdb.default_connection()).accelerate()
    finally:
        duckdb.set_default_connection(former)
    with locality.attach(given()) as con, pytest.raises(StoreError, match="not by a cursor"):
        con.cursor().accelerate()


def test_a_connection_by_the_databases_name_ends_all_use() -> None:
    con = locality.attach(given(":memory:by_name"))
    con.accelerate()
    assert engine(con) == "locality"
    with duckdb.connect(":memory:by_name") as other:
        other.execute("with w as (insert into sales values (1, 1) returning a) select * from w").fetchall()
    assert engine(con) == "duckdb"


def test_a_transaction_that_was_open_when_it_was_attached_counts_when_it_ends() -> None:
    raw = given()
    raw.begin()
    raw.execute("delete from sales where a = 1")
    con = locality.attach(raw)
    del raw
    con.accelerate()
    other = con.cursor()
    assert engine(other) == "locality"
    con.commit()
    assert engine(other) == "duckdb"
