"""Transactions of attached connections: Locality answers in them as long as they see what the layouts hold."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest

import locality
from locality.duckdb import AttachedConnection
from tests.duckdb.rows import rows_of
from tests.versions import since_2

COUNT = "select count(*), count(a) from t"
ADD = "insert into t values (1, 1, null)"
pytestmark = since_2("an attached connection answers in no transaction")


def engine(con: AttachedConnection) -> str:
    assert con.last_profile is not None
    return con.last_profile.engine


def test_what_others_run_in_a_transaction_that_they_share_is_seen(path: Path) -> None:
    raw = duckdb.connect(path)
    with locality.attach(raw) as con:
        con.accelerate("t")
        for begin in (con.begin, lambda: con.execute("begin")):
            begin()
            for _ in range(2):
                assert con.execute("select count(*) from t").fetchone() == (3000,)
                assert engine(con) == "locality"
                assert con.execute("select a from loose").fetchall() == []
                assert rows_of(con.sql("select sum(a) from t")) == [(148500,)]
                assert engine(con) == "locality"
            raw.execute("with w as (insert into t values (1, 1, null) returning a) select * from w").fetchall()
            assert con.execute("select count(*) from t").fetchone() == (3001,)
            assert engine(con) == "duckdb"
            con.rollback()
        del raw
        con.execute("select 1")  # looks at the variables anew, of which Python keeps a copy
        gc.collect()
        for begin in (con.begin, lambda: con.execute("begin")):
            begin()
            assert con.execute("select count(*) from t").fetchone() == (3000,)
            assert con.last_profile is not None
            assert con.last_profile.reason == ""
            con.rollback()


def test_a_transaction_that_only_reads_uses_layouts(con: AttachedConnection) -> None:
    other = con.cursor()
    for begin in (con.begin, lambda: con.execute("BEGIN transaction;")):
        begin()
        assert con.execute("select count(*) from t").fetchone() == (3000,)
        assert engine(con) == "locality"
        assert rows_of(con.sql("select count(*) from p")) == [(100,)]
        assert engine(con) == "locality"
        con.commit()
    con.begin()
    con.execute("select count(*) from t")
    other.execute("insert into t values (1, 1, null)")
    assert con.execute("select count(*) from t").fetchone() == (3000,)  # the state that it began with
    assert engine(con) == "duckdb"
    con.rollback()
    assert con.execute("select count(*) from t").fetchone() == (3001,)
    con.refresh()
    con.begin()
    assert con.execute("select count(*) from t").fetchone() == (3001,)
    assert engine(con) == "locality"
    con.execute("delete from t where a = 1")
    assert con.execute("select count(*) from t").fetchone() == (2970,)
    assert engine(con) == "duckdb"
    con.rollback()
    assert con.execute("select count(*) from t").fetchone() == (3001,)
    con._raw.begin()
    assert con.execute("select count(*) from t").fetchone() == (3001,)
    assert engine(con) == "duckdb"
    con._raw.commit()


def test_a_query_that_changes_rows_in_a_transaction_is_seen_there(con: AttachedConnection) -> None:
    changes = "with w as (insert into t values (1, 1, null) returning a) select * from w"
    for change in (lambda: con.execute(changes).fetchall(), lambda: con.sql(changes)):
        con.begin()
        (before,) = con.execute(COUNT).fetchall()
        change()
        assert con.execute(COUNT).fetchall() == [(before[0] + 1, before[1] + 1)]
        con.rollback()


def test_a_failed_transaction_answers_nothing(con: AttachedConnection) -> None:
    con.begin()
    con.execute("select count(*) from t")
    assert engine(con) == "locality"
    with pytest.raises(duckdb.Error):
        con._raw.execute("insert into p values (1, 'twice')")
    with pytest.raises(duckdb.Error, match="aborted"):
        con.execute("select count(*) from t").fetchall()
    con.rollback()
    assert con.execute("select count(*) from t").fetchone() == (3000,)


def test_a_query_of_the_other_holder_leaves_the_transaction_to_duckdb(path: Path) -> None:
    raw = duckdb.connect(path)
    with locality.attach(raw) as con:
        con.accelerate("t")
        for read in (lambda: raw.execute("select 1").fetchall(), lambda: raw.cursor().execute("select 1").fetchall()):
            con.begin()
            assert rows_of(con.sql("select count(*) from t")) == [(3000,)]
            assert engine(con) == "locality"
            read()
            assert rows_of(con.sql("select count(*) from t")) == [(3000,)]
            assert engine(con) == "duckdb"
            con.commit()
        assert rows_of(con.sql("select count(*) from t")) == [(3000,)]
        assert engine(con) == "locality"


def test_what_other_connections_do_to_other_tables_leaves_a_transaction_as_it_is(con: AttachedConnection) -> None:
    other = con.cursor()
    con.begin()
    other.execute("insert into loose values (1)")
    for _ in range(2):
        assert con.execute("select count(*) from t").fetchone() == (3000,)
        assert engine(con) == "locality"
        other.execute("insert into loose values (1); create or replace table made as select 1 as a")
    other.execute(ADD)
    assert con.execute("select count(*) from t").fetchone() == (3000,)
    assert engine(con) == "duckdb"
    assert con.execute("select count(*) from p").fetchone() == (100,)
    assert engine(con) == "locality"
    con.commit()
    assert con.execute("select count(*) from t").fetchone() == (3001,)


def test_a_transaction_takes_its_snapshot_when_duckdb_would(con: AttachedConnection) -> None:
    plain = con._raw.cursor()
    for each in (plain, con):
        each.begin()
    other = con.cursor()
    other.execute(ADD)
    other.refresh()
    assert con.execute("select count(*) from t").fetchone() == plain.execute("select count(*) from t").fetchone()
    assert engine(con) == "duckdb"
    con.commit()


def appended(con: AttachedConnection) -> None:
    appender = con.appender("t")
    appender.append_row(1, 1, None)
    appender.flush()


CHANGES: list[Callable[[AttachedConnection], object]] = [
    lambda con: con.execute(ADD),
    lambda con: con.execute("select 1; " + ADD),
    lambda con: con.execute("explain analyze " + ADD).fetchall(),
    lambda con: con.execute("with x as (select 1) " + ADD),
    lambda con: con.executemany("insert into t values (?, 1, null)", [[1]]),
    lambda con: con.append("t", pd.DataFrame({"a": [1], "v": [1], "d": [pd.NaT]})),
    lambda con: con.table("t").insert([1, 1, None]),
    lambda con: con.sql("select 1, 1, null").insert_into("t"),
    lambda con: con.execute("execute added").fetchall(),
    lambda con: con.sql(ADD),
    lambda con: con.execute(duckdb.extract_statements(ADD)[0]),
    appended,
]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_of_any_kind_are_seen_in_their_transaction(
    con: AttachedConnection, change: Callable[[AttachedConnection], object]
) -> None:
    con.execute("prepare added as " + ADD)
    con.begin()
    assert con.execute("select count(*) from t").fetchone() == (3000,)
    assert engine(con) == "locality"
    change(con)
    assert con.execute("select count(*) from t").fetchone() == (3001,)
    assert engine(con) == "duckdb"
    con.rollback()
    assert con.execute("select count(*) from t").fetchone() == (3000,)


def test_an_appender_that_was_made_before_is_seen(path: Path) -> None:
    for made_by in ("raw", "attached"):
        raw = duckdb.connect(path)
        early = raw.appender("t") if made_by == "raw" else None
        with locality.attach(raw) as con:
            con.accelerate("t")
            appender = early or con.appender("t")
            del raw
            con.begin()
            ((count,),) = con.execute("select count(*) from t").fetchall()
            appender.append_row(1, 1, None)
            appender.flush()
            assert con.execute("select count(*) from t").fetchone() == (count + 1,)
            con.rollback()
            del appender, early
