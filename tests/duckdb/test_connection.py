"""An attached connection does what DuckDB's does, and says which engine answered."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import locality
from locality.duckdb import AttachedConnection
from locality.errors import CatalogError, SchemaError, StoreError
from locality.sql.planner import Planner
from tests.duckdb.rows import rows_of
from tests.versions import IS_2, since_2

JOIN = "select b, sum(v) as s, count(*) as n from t join p using (a) group by b order by b"


def engine(con: AttachedConnection) -> str:
    assert con.last_profile is not None
    return con.last_profile.engine


def reason(con: AttachedConnection) -> str:
    assert con.last_profile is not None and con.last_profile.engine == "duckdb"
    return con.last_profile.reason


FETCHES: list[Any] = [
    lambda c: c.fetchall(),
    lambda c: (c.fetchone(), c.fetchmany(2), c.fetchone(), c.fetchall(), c.fetchone(), c.fetchall()),
    lambda c: (c.fetchmany(100), c.fetchone()),
    lambda c: c.df().to_dict(),
    lambda c: c.fetchdf().dtypes.to_dict(),
    pytest.param(
        lambda c: (c.fetchone(), c.fetch_df().to_dict(), c.fetchall()), marks=since_2("loses the rest of a chunk as df")
    ),
    lambda c: {name: values.tolist() for name, values in c.fetchnumpy().items()},
    lambda c: [(name, str(dtype)) for name, dtype, *_ in c.description],
    lambda c: c.rowcount,
    lambda c: (c.fetchall(), c.df()),
    lambda c: list(iter(c.fetchone, None)),
]


@pytest.mark.parametrize("fetch", FETCHES)
def test_rows_of_an_execute_come_as_duckdb_gives_them(con: AttachedConnection, path: Path, fetch: Any) -> None:
    with duckdb.connect(path) as plain:
        assert fetch(con.execute(JOIN)) == fetch(plain.execute(JOIN))
    assert engine(con) == "locality"


TERMINALS: list[Any] = [
    lambda r: r.fetchall(),
    lambda r: r.df().to_dict(),
    lambda r: r.pl().to_dicts(),
    lambda r: r.to_arrow_table(),
    lambda r: r.arrow().read_all(),
    lambda r: pa.table(r),
    lambda r: len(r),
    lambda r: str(r),
    lambda r: repr(r),
    pytest.param(lambda r: r.to_dicts(), marks=since_2("has no to_dicts")),
    lambda r: r.filter("n > 400").order("b desc").fetchall(),
    lambda r: r.aggregate("max(s), min(n)").fetchall(),
    lambda r: r.limit(2).df().to_dict(),
    lambda r: r["b"].fetchall(),
    lambda r: r.b.fetchall(),
    lambda r: r.union(r).order("all").fetchall(),
]


@pytest.mark.parametrize("terminal", TERMINALS)
def test_relations_give_what_duckdb_gives(con: AttachedConnection, path: Path, terminal: Any) -> None:
    with duckdb.connect(path) as plain:
        assert terminal(con.sql(JOIN)) == terminal(plain.sql(JOIN))
        assert engine(con) == "locality"
        con.execute(JOIN)  # now the text is known, and the relation is bound when it must be
        assert terminal(con.sql(JOIN)) == terminal(plain.sql(JOIN))


def test_show_prints_duckdbs_box(con: AttachedConnection, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    relation = con.sql("select * from t order by all")
    assert relation is not None
    relation.show(max_rows=4)
    mine = capsys.readouterr().out
    with duckdb.connect(path) as plain:
        plain.sql("select * from t order by all").show(max_rows=4)
    assert mine == capsys.readouterr().out
    assert engine(con) == "locality"


def test_relations_pass_for_duckdbs_own(con: AttachedConnection) -> None:
    relation = con.sql(JOIN)
    assert isinstance(relation, duckdb.DuckDBPyRelation)
    counted = con.sql("select count(*) from relation")  # which is found among the variables here
    assert counted is not None and counted.fetchall() == [(7,)]
    assert relation.columns == ["b", "s", "n"] and relation.types == ["VARCHAR", "DECIMAL(38,2)", "BIGINT"]
    assert "b" in relation
    con.sql("insert into loose values (1)")
    assert rows_of(con.sql("insert into loose values (2) returning a")) == [(2,)]
    assert rows_of(con.table("loose")) == [(1,), (2,)]


outer = pd.DataFrame({"a": [1, 2]})


def test_queries_name_the_callers_data_frames_and_nobody_elses(con: AttachedConnection) -> None:
    local = pl.DataFrame({"a": [1, 1, 2]})
    text = "select count(*) from t join local using (a) join outer using (a)".replace("outer", '"outer"')
    assert con.execute(text).fetchall() == rows_of(con.sql(text)) == [(90,)]
    assert engine(con) == "duckdb" and len(local) == 3
    assert rows_of(con.table("local")) == [(1,), (1,), (2,)]
    for name in ("query", "self", "bind", "frame", "call"):
        with pytest.raises(duckdb.CatalogException):
            con.execute(f"select * from {name}")
        with pytest.raises(duckdb.CatalogException):
            con.sql(f"select * from {name}")


def test_parameters(con: AttachedConnection, path: Path) -> None:
    with duckdb.connect(path) as plain:
        for params in ([5, 10], {"low": 5, "high": 10}):
            low, high = ("?", "?") if isinstance(params, list) else ("$low", "$high")
            text = f"select count(*), sum(v) from t where a between {low} and {high}"
            wanted = plain.execute(text, params).fetchall()
            assert con.execute(text, params).fetchall() == wanted
            assert engine(con) == "locality"
            assert rows_of(con.sql(text, params=params)) == wanted
            assert engine(con) == "locality"
            other = [7, 9] if isinstance(params, list) else {"low": 7, "high": 9}
            assert con.execute(text, other).fetchall() == plain.execute(text, other).fetchall()
            assert con.last_profile is not None and con.last_profile.plan_reused
    con.executemany("insert into loose values (?)", [[1], [2]])
    assert con.execute("select sum(a) from loose").fetchone() == (3,)


def test_errors_are_duckdbs(con: AttachedConnection) -> None:
    for text in ("select nothing from t", "selec", "select * from nowhere", "select 1 / (a - a)::varchar from t"):
        with pytest.raises(duckdb.Error):
            con.execute(text)
    with pytest.raises(duckdb.ConversionException):
        con.execute("select cast(b as integer) from p").fetchall()
    with pytest.raises(duckdb.OutOfRangeException):
        con.execute("select cast(a as tinyint) * 100::tinyint from t").fetchall()


@since_2("another statement ends an unfinished result")
def test_an_unfinished_result_gives_way_as_in_duckdb(con: AttachedConnection) -> None:
    assert con.execute("select * from range(100000)").fetchone() == (0,)
    assert con.execute("select count(*) from t").fetchall() == [(3000,)]
    assert engine(con) == "locality"
    assert rows_of(con.sql("select 1")) == [(1,)]
    assert con.execute("select * from range(100000)").fetchone() == (0,)
    with pytest.raises(duckdb.Error, match="unfinished"):
        rows_of(con.sql("select 1"))
    assert con.fetchone() == (1,)


def test_explain_names_the_engine_and_the_reason(con: AttachedConnection) -> None:
    assert str(locality.explain(con, JOIN)).startswith("engine: locality")
    assert "approx_quantile" in str(locality.explain(con, "select approx_quantile(v, 0.5) from t"))
    assert locality.explain(con, "select * from loose").reason == "no table with a layout is named"


def test_what_locality_lacks_runs_on_the_users_own_database(con: AttachedConnection) -> None:
    text = "select approx_quantile(v, 0.5) is not null, current_database() from t"
    for _ in range(2):
        assert con.execute(text).fetchall() == [(True, "my")]
        assert rows_of(con.sql(text)) == [(True, "my")]
        assert reason(con).startswith("not answered by Locality's own operators")


def test_texts_that_differ_in_constants_are_planned_in_vain_once(
    con: AttachedConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[str] = []
    plan = Planner.plan

    def noted(self: Planner, sql: str, *args: Any) -> Any:
        planned.append(sql)
        return plan(self, sql, *args)

    monkeypatch.setattr(Planner, "plan", noted)
    for number in range(3):
        text = f"select approx_quantile(a, 0.5) is null from p where a < {number} and b != 'x{number}'"
        for found in (con.execute(text), con.sql(text)):
            assert found is not None and found.fetchall() == [(number == 0,)]
            assert reason(con).startswith("not answered by Locality's own operators")
    assert len(planned) == 1
    assert engine(con) == "duckdb"


def test_python_functions_are_duckdbs_to_call(con: AttachedConnection) -> None:
    con.execute("select max(a) from t")
    con.create_function("upper2", lambda x: x.upper() + "!", ["VARCHAR"], "VARCHAR")
    assert con.execute("select max(upper2(b)) from p").fetchall() == [("X6!",)]
    assert "own" in reason(con)


def test_settings_are_followed_or_left_to_duckdb(con: AttachedConnection, path: Path) -> None:
    texts = [
        "select d from t order by d limit 3",
        "select a / 7 from t order by 1 limit 5",
        "select nullif(a, 3) as x from p order by x",
    ]
    with duckdb.connect(path) as plain:
        of_2 = ["integer_division = true"] if IS_2 else []
        for setting in ("TimeZone = 'Asia/Tokyo'", "default_null_order = 'nulls_first'", *of_2):
            for each in (con, plain):
                each.execute(f"set {setting}")
            for text in texts:
                assert con.execute(text).fetchall() == plain.execute(text).fetchall()
                assert engine(con) == "locality"
                assert str(con.execute(text).df()) == str(plain.execute(text).df())
    con.execute("set ieee_floating_point_ops = false")
    con.execute(texts[0])
    assert "setting ieee_floating_point_ops" in reason(con)


@pytest.mark.parametrize(
    "statement",
    [
        "create temp table t as select 7 as a",
        "create temp view t as select 7 as a",
        "create schema s; create table s.t as select 7 as a; use s",
        "attach ':memory:' as other; create table other.t as select 7 as a; use other",
        "create temp macro sum(x) as 7",
    ],
)
def test_names_mean_what_they_mean_to_duckdb(con: AttachedConnection, statement: str) -> None:
    text = "select sum(a) as s from t"
    assert con.execute(text).fetchall() == [(148500,)]
    assert engine(con) == "locality"
    con.execute(statement)
    assert set(con.execute(text).fetchall()) == {(7,)}
    assert engine(con) == "duckdb"


def test_what_has_no_exact_layout_is_refused(con: AttachedConnection) -> None:
    con.execute(
        """create table "odd name"(a int); create table c(b varchar collate nocase); create table bits(a bit);
        create table deep(a struct(x hugeint))"""
    )
    for name, wrong in (("odd name", "identifier"), ("c", "collation"), ("bits", "kept"), ("deep", "kept")):
        with pytest.raises(SchemaError, match=wrong):
            con.accelerate(name)
    with pytest.raises(CatalogError):
        con.accelerate("nowhere")
    with pytest.raises(CatalogError):
        con.forget("loose")
    raw = duckdb.connect()
    with locality.attach(raw) as memory:
        with pytest.raises(StoreError, match="in memory"):
            memory.accelerate()
        assert memory.execute("select 42").fetchall() == [(42,)]
        assert reason(memory) == (
            "no layouts were made of the database in memory" if IS_2 else "the database can't have layouts"
        )


def test_a_read_only_database(path: Path) -> None:
    with locality.attach(duckdb.connect(path, read_only=True)) as con:
        con.accelerate("t")
        assert con.execute("select max(d) from t").fetchone() == (
            datetime.datetime(2024, 5, 4, 23, 30, tzinfo=datetime.UTC),
        )
        assert engine(con) == "locality"


def test_an_attached_connection_is_printed_and_completed_with_what_it_adds(con: AttachedConnection) -> None:
    assert repr(con) == "<DuckDB connection with layouts of p, t>"
    assert {"accelerate", "refresh", "forget", "dataset", "executemany", "sql"} <= set(dir(con))
