"""What is asked of a connection again after a statement, and what is not."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

import locality
from locality.duckdb import AttachedConnection
from locality.duckdb.effects import Effect, effect_of
from locality.duckdb.stamp import keeps_names, read_stamp
from tests.versions import since_2

pytestmark = since_2("nothing counts statements")

ROWS = ["insert into loose values (1)", "/* a */ Update loose set a = 1", "begin;", "set threads = 1", "checkpoint"]
SETTINGS = ["set default_order = 'desc'", "set session TimeZone to 'UTC'", "reset search_path", "set schema = 'main'"]
ANYTHING = [
    "create view w as select 1",
    "use memory",
    "commit",
    "insert into loose values (1); create macro f() as 1",
    "copy from database a to b",
    "with x as (select 1) insert into loose select * from x",
    "execute p",
]


@pytest.mark.parametrize(("texts", "effect"), [(ROWS, 0), (SETTINGS, 1), (ANYTHING, 2)])
def test_statements_are_known_by_what_they_begin_with(texts: list[str], effect: int) -> None:
    assert [effect_of(text) for text in texts] == [Effect(effect)] * len(texts)


def asked(con: AttachedConnection, monkeypatch: pytest.MonkeyPatch, text: str) -> list[str]:
    """What a query has DuckDB asked of names and settings."""
    found: list[str] = []
    ask = con._ask_again

    def noted(sql: str) -> list[tuple[object, ...]]:
        found.extend(each for each in ("view_name, sql", "duckdb_settings", "duckdb_functions") if each in sql)
        return ask(sql)

    with monkeypatch.context() as patched:
        patched.setattr(con, "_ask_again", noted)
        con.execute(text).fetchall()
    return found


def test_only_what_may_have_changed_is_asked_again(con: AttachedConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    text, fallback = "select count(*), min(v) from t", "select approx_quantile(a, 0.5) from t where a > {}"
    everything = ["view_name, sql", "duckdb_settings", "duckdb_functions"]
    assert asked(con, monkeypatch, text) == everything
    con.execute(fallback.format(0))
    for change, again in (
        ("insert into loose values (1)", []),
        ("set threads = 2", []),
        ("set default_order = 'desc'", ["duckdb_settings"]),
        ("reset default_order", ["duckdb_settings"]),
        ("create macro twice(x) as x * 2", everything),
    ):
        con.execute(change)
        assert asked(con, monkeypatch, fallback.format(len(change))) == [], change
        assert con.last_profile is not None
        assert "approx_quantile" in con.last_profile.reason
        assert asked(con, monkeypatch, text) == again, change
        assert con.last_profile.engine == "locality"
    other = con._raw.cursor()
    for change in ("create view loose_view as select 1 as a", "set global TimeZone = 'Asia/Tokyo'"):
        other.execute(change)
        con.execute("insert into loose values (1)")
        assert asked(con, monkeypatch, text) == everything, change
    con.execute("select count(*) from t, loose_view")
    assert con.last_profile is not None
    assert con.last_profile.engine == "locality"
    con.execute("begin")
    assert asked(con, monkeypatch, text) == []
    assert con.last_profile.engine == "locality"
    con.execute("rollback")


def test_what_a_view_or_macro_meant_is_not_kept_when_it_is_another(con: AttachedConnection) -> None:
    con.execute("create view seen as select approx_quantile(a, 0.5) as m from t")
    con.execute("select m from seen where m > 0")
    assert con.last_profile is not None
    assert con.last_profile.engine == "duckdb"
    con._raw.cursor().execute("create or replace view seen as select max(a) as m from t")
    assert con.execute("select m from seen where m > 1").fetchall() == [(99,)]
    assert con.last_profile.engine == "locality"


def test_the_log_tells_whether_names_are_the_same(path: Path) -> None:
    with duckdb.connect(path) as plain:
        for change, keeps in (
            ("insert into loose select * from range(5000)", True),
            ("delete from loose where a = 1; update loose set a = 4 where a = 3", True),
            ("create type mood as enum ('sad')", False),
            ("create macro f(x) as x", False),
            ("drop macro f", False),
            ("create view w as select 1", False),
            ("alter table loose add column b integer", False),
            ("checkpoint", False),
        ):
            before = read_stamp(path)
            plain.execute(change)
            assert keeps_names(path, before, read_stamp(path)) is keeps, change


def test_a_cursor_knows_what_others_leave_as_it_is(con: AttachedConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    other = con.cursor()
    text = "select count(*) from t"
    for each in (con, other):
        each.execute(text)
    other.execute("insert into loose values (1)")
    assert asked(con, monkeypatch, text) == []
    other.execute("create macro once(x) as x")
    assert "duckdb_functions" in asked(con, monkeypatch, "select once(count(*)) from t")
    assert con.last_profile is not None
    assert con.last_profile.engine == "locality"


def test_in_memory_the_count_of_statements_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    with locality.attach() as con:
        con.execute("create table t as select range as a from range(10); create table loose(a int)")
        con.accelerate("t")
        con.execute("select sum(a) from t")
        con.execute("insert into loose values (1)")
        assert asked(con, monkeypatch, "select sum(a) from t") == []
        assert con.last_profile is not None
        assert con.last_profile.engine == "locality"
        con.execute("create macro sum(x) as 7")
        assert con.execute("select sum(a) from t limit 1").fetchall() == [(7,)]
