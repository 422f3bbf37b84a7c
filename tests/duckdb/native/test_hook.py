"""Connections that nobody attached: the compiled extension within DuckDB itself, which is also the oracle."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import locality
from locality.connection import Connection
from locality.duckdb import AttachedConnection, native
from locality.duckdb.native.building import is_built
from locality.errors import InterruptError, QueryError

pytestmark = pytest.mark.skipif(not is_built(), reason="the extension was not compiled: make native")
CONFIG: dict[str, Any] = {"allow_unsigned_extensions": True}
TABLES = """
set timezone = 'UTC';
create type mood as enum ('sad', 'ok');
create table p(a integer primary key, b varchar, m mood, u uuid);
insert into p select range, case range % 3 when 0 then null else 'x' || range % 7 end,
    case when range % 2 = 0 then 'ok'::mood end, uuid '00000000-0000-0000-0000-000000000001' from range(100);
create table t(a integer, v decimal(10,2), f double, d date, z timestamptz, h hugeint);
insert into t select range % 100, range / 7, case range % 5 when 0 then 'nan'::double when 1 then null else range end,
    date '2024-01-01' + (range % 50)::integer, timestamptz '2024-01-01 00:30:00+00' + to_hours(range), range
    from range(3000);
create table loose(a integer);
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("native") / "my.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(TABLES)
    with locality.attach(duckdb.connect(path)) as con:
        con.accelerate("p", "t")
    return path


@pytest.fixture
def con(path: Path) -> Iterator[AttachedConnection]:
    with locality.attach(duckdb.connect(path, config=CONFIG)) as con:
        con.refresh()
        yield con


@pytest.fixture
def hook(con: AttachedConnection) -> Iterator[native.Hook]:
    hook = native.install(con)
    yield hook
    hook.close()


@pytest.fixture
def plain(path: Path, hook: native.Hook) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(path, config=CONFIG) as connection:
        assert type(connection) is duckdb.DuckDBPyConnection
        yield connection


def engine(hook: native.Hook) -> str:
    profile, hook.last_profile = hook.last_profile, None
    return "not asked" if profile is None else profile.engine


def reason(hook: native.Hook) -> str:
    return "" if hook.last_profile is None else hook.last_profile.reason


SAME = [
    ("select * from t order by all", None),
    ("select p.b, count(*), sum(v), avg(f), max(z) from t join p using (a) group by all order by all", None),
    ("select m, u, h, d from p join t using (a) where p.a = 4 order by all limit 3", None),
    ("from p select b as \"a b\", b as \"a b\" order by a", None),
    ("select sum(v) from t where false", None),
    ("select a from t where d between ? and ? and f > ? order by a, v limit ?",
     [datetime.date(2024, 1, 3), datetime.date(2024, 2, 1), 1.5, 7]),
    ("select sum(v) + $x, $n from t where a in (select a from p where b = $b)",
     {"x": Decimal("1.5"), "b": "x1", "n": None}),
    ("select count(*) from t where z > $1 and h <> $2", [datetime.datetime(2024, 2, 1), 1 << 40]),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "params"), SAME)
def test_answers_are_those_of_duckdb(
    hook: native.Hook, plain: duckdb.DuckDBPyConnection, sql: str, params: Any
) -> None:
    def ask() -> tuple[str, Any, pa.Schema]:
        rows = plain.execute(sql, params).fetchall()
        return repr(rows), plain.description, plain.sql(sql, params=params).to_arrow_table().schema

    found = ask()
    assert engine(hook) == "locality"
    plain.execute("set locality_hook = 0")
    assert ask() == found
    assert engine(hook) == "not asked"


def test_all_ways_to_ask_are_answered(hook: native.Hook, plain: duckdb.DuckDBPyConnection) -> None:
    plain.execute("prepare total as select sum(v) from t where d < $1")
    plain.execute("prepare few as select a + $1, b from p where a > $3 and b = $2 order by a")
    ways = [
        lambda: plain.sql("select a, v from t").filter("a > 90").aggregate("sum(v)").fetchall(),
        lambda: plain.sql("select sum(v) from t where a > 90").df().values.tolist(),
        lambda: plain.executemany("select sum(v) from t where a > ?", [[1], [90]]).fetchall(),
        lambda: plain.execute("select 1; select sum(v) from t where a > 90").fetchall(),
        lambda: plain.cursor().execute("select sum(v) from t where a > 90 -- end").fetchall(),
        lambda: plain.execute("execute total(date '2024-01-20')").fetchall(),
        lambda: plain.execute("execute few(2, 'x2', 4)").fetchall(),
    ]
    found = []
    for way in ways:
        found.append(way())
        assert engine(hook) == "locality"
    plain.execute("set locality_hook = 0")
    assert found == [way() for way in ways]  # the cursor is answered still


@pytest.mark.parametrize(
    ("before", "sql", "why"),
    [
        ("begin; create temp view p as select 1 as a", "select count(*) from t", "transaction"),
        ("begin; insert into loose values (1)", "select count(*) from t", "transaction"),
        ("create temp table t(a integer)", "select count(*) from t", "no layout"),
        ("select 1", "select count(*) from t join loose using (a)", "no layout"),
        ("select 1", "create or replace temp table made as select sum(v) from t", "not a query"),
        ("select 1", "explain select sum(v) from t", "not a query"),
        ("set scalar_subquery_error_on_multiple_rows = false", "select count(*) from t", "setting"),
        ("create temp macro twice(x) as 2 * x", "select sum(twice(v)) from t", "own"),
        ("prepare one as select count(*) from t where a > $1", "execute one(-1)", "parameter"),
    ],
)
def test_the_rest_is_duckdbs(
    hook: native.Hook, plain: duckdb.DuckDBPyConnection, before: str, sql: str, why: str
) -> None:
    plain.execute(before)
    plain.execute(sql).fetchall()
    assert why in reason(hook) and engine(hook) == "duckdb"


@pytest.mark.parametrize("sql", ["set locality_hook = 0", "set preserve_insertion_order = false"])
def test_what_is_not_offered(hook: native.Hook, plain: duckdb.DuckDBPyConnection, sql: str) -> None:
    plain.execute(sql)
    assert plain.execute("select count(*) from t").fetchall() == [(3000,)]
    assert engine(hook) == "not asked"
    plain.execute("reset preserve_insertion_order")


def test_settings_of_the_session_are_followed(hook: native.Hook, plain: duckdb.DuckDBPyConnection) -> None:
    def least(connection: duckdb.DuckDBPyConnection) -> object:
        row = connection.execute("select a from p order by a limit 1").fetchall()
        assert engine(hook) == "locality"
        return row[0][0]

    assert least(plain) == 0
    plain.execute("set session default_order = 'desc'")
    assert [least(plain), least(plain.cursor()), least(plain.cursor()), least(plain)] == [99, 0, 0, 99]
    other = plain.cursor()
    other.execute("set session default_order = 'desc'")
    assert [least(plain.cursor()), least(other), least(plain)] == [0, 99, 99]
    other.execute("reset session default_order")
    assert least(other) == 0


def test_no_answer_is_stale(
    path: Path, con: AttachedConnection, hook: native.Hook, plain: duckdb.DuckDBPyConnection
) -> None:
    with duckdb.connect(path, config=CONFIG) as other:
        other.execute("insert into t(a) values (1)")
        assert plain.execute("select count(*) from t").fetchall() == [(3001,)]
        assert "written to" in reason(hook)
        assert plain.execute("select count(*) from p").fetchall() == [(100,)]
        assert engine(hook) == "locality"  # which the log doesn't name
        con.refresh()
        assert plain.execute("select count(*) from t").fetchall() == [(3001,)]
        assert engine(hook) == "locality"
        other.execute("delete from t where rowid = 3000")


def test_transactions_that_only_read_are_answered(
    path: Path, con: AttachedConnection, hook: native.Hook, plain: duckdb.DuckDBPyConnection
) -> None:
    count = "select count(*) from t"
    plain.execute(count).fetchall()
    plain.begin()
    for _ in range(2):
        assert plain.execute(count).fetchall() == [(3000,)]
        assert engine(hook) == "locality"
    with duckdb.connect(path, config=CONFIG) as other:
        other.execute("insert into loose values (1)")
        assert plain.execute(count).fetchall() == [(3000,)]
        assert engine(hook) == "locality"
        other.execute("insert into t(a) values (1)")
        assert plain.execute(count).fetchall() == [(3000,)]
        assert engine(hook) == "duckdb"
        con.refresh()
        assert plain.execute(count).fetchall() == [(3000,)]  # the state that it began with
        assert engine(hook) == "duckdb"
        plain.commit()
        assert plain.execute(count).fetchall() == [(3001,)]
        assert engine(hook) == "locality"
        plain.begin()
        assert plain.execute("with w as (delete from t where rowid = 3000 returning a) select * from w").fetchall()
        assert plain.execute(count).fetchall() == [(3000,)]
        assert engine(hook) == "duckdb"
        plain.commit()


@pytest.mark.parametrize("error", [InterruptError("stop"), KeyboardInterrupt()])
def test_interrupts_end_the_query(
    hook: native.Hook,
    plain: duckdb.DuckDBPyConnection,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(Connection, "sql", fail)
        with pytest.raises(duckdb.InterruptException):
            plain.execute("select count(*) from t")
    assert plain.execute("select count(*) from t").fetchall() == [(3000,)]
    assert engine(hook) == "locality"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # which is how the second is reported
@pytest.mark.parametrize("error", [QueryError("wrong"), ValueError("unexpected")])
def test_after_a_failure_duckdb_answers(
    hook: native.Hook, plain: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Connection, "sql", fail)
    assert plain.execute("select count(*) from t").fetchall() == [(3000,)]
    assert engine(hook) == ("duckdb" if isinstance(error, QueryError) else "not asked")


def test_threads_are_answered_side_by_side(hook: native.Hook, plain: duckdb.DuckDBPyConnection) -> None:
    found: list[object] = []

    def ask(number: int) -> None:
        with plain.cursor() as cursor:
            for _ in range(5):
                row = cursor.execute("select a from t where v < ? order by all limit 1", [number]).fetchone()
                found.append(row)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [(0,)] * 20 and engine(hook) == "locality"


def test_once_closed_all_is_duckdbs(path: Path, con: AttachedConnection) -> None:
    hook = native.install(con)
    with duckdb.connect(path, config=CONFIG) as plain:
        con.close()
        assert plain.execute("select count(*) from t").fetchall() == [(3000,)]
        assert "closed" in reason(hook)
        again = native.install(locality.attach(plain.cursor()))
        hook.close()
        assert plain.execute("select count(*) from t").fetchall() == [(3000,)]
        assert engine(again) == "locality"
        again.close()
        assert plain.execute("select count(*) from t").fetchall() == [(3000,)]
        assert engine(again) == "not asked"
