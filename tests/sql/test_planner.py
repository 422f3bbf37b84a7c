"""Names, types, errors, parameters and the life of the planner."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from locality.errors import QueryError, StoreError, Unsupported
from locality.plan.nodes import Filter, Limit, Project, Scan
from locality.sql.planner import Planner
from locality.sql.quoting import identifier
from locality.sql.versions import installed
from locality.types import BIGINT, INTEGER, VARCHAR, parse
from tests.sql.notation import plan_text, text
from tests.sql.tables import COLUMNS, TABLES


@pytest.fixture(scope="module")
def oracle() -> Iterator[duckdb.DuckDBPyConnection]:
    """A plain DuckDB with the same empty table ``t``."""
    connection = duckdb.connect()
    columns = ", ".join(f"{identifier(name)} {dtype}" for name, dtype in COLUMNS)
    connection.execute(f"create table t ({columns})")
    yield connection
    connection.close()


# --- names and types


@pytest.mark.parametrize(
    "sql",
    [
        'select a, a, A as x, s as "two words", count(*) over_ from t group by all',
        "select a + 1, sum(m), avg(b), m * m, 'x', d - d, count(distinct s) from t group by a, m, d",
        "select * exclude (u) from t",
        'select t.a as "quo""te", 1 + 1, NULL::decimal(4, 2) from t',
        "from t select min(s), max(tz), sum(f), h, w group by h, w",
    ],
)
def test_names_and_types_are_duckdbs(sql: str, planner: Planner, oracle: duckdb.DuckDBPyConnection) -> None:
    query, relation = planner.plan(sql), oracle.sql(sql)
    assert list(query.names) == relation.columns
    assert [str(t) for t in query.types] == [str(t) for t in relation.types]
    assert query.root.types == query.types


# --- errors


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        ("select a+ from t", ["syntax error", "LINE 1: select a+ from t", "^"]),
        ("select nosuch from t", ['"nosuch" not found', "Candidate bindings", "LINE 1", "^"]),
        ("select a from nosuch", ["nosuch does not exist", "LINE 1"]),
        ("select nosuch(a) from t", ["nosuch", "LINE 1"]),
        ("select sum(s) from t", ["No function matches", "sum(VARCHAR)"]),
        ("select a from t where d > 5", ["Cannot compare"]),
        ("select a, count(*) from t", ["GROUP BY"]),
        ("select 'open from t", ["unterminated", "LINE 1"]),
        ("", ["empty"]),
        ("  -- nothing\n", ["empty"]),
        ("select '\ud800' from t", ["Unicode"]),
    ],
)
def test_wrong_queries_are_errors_in_duckdbs_words(sql: str, parts: list[str], planner: Planner) -> None:
    with pytest.raises(QueryError) as error:
        planner.plan(sql)
    for part in parts:
        assert part in str(error.value)
    assert planner.plan("select a from t").names == ("a",)


def test_errors_about_nested_columns_are_left_to_duckdb(planner: Planner) -> None:
    with pytest.raises(Unsupported, match="nested column"):
        planner.plan("select parts.a from nested")
    with pytest.raises(QueryError):
        planner.plan("select nosuch from t")
    assert planner.plan("select k from nested").types == (INTEGER,)


# --- parameters

VALUES: list[Any] = [
    None,
    True,
    5,
    -5,
    2**40,
    2**63,
    -(2**100),
    1.5,
    float("nan"),
    Decimal("1.25"),
    Decimal("12345678901234567890.5"),
    "text",
    "2020-01-31",
    "it's $1 ? é",
    b"\x00'",
    dt.date(2020, 1, 31),
    dt.time(10, 30),
    dt.datetime(2020, 1, 31, 10, 30),
    dt.datetime(2020, 1, 31, tzinfo=dt.UTC),
    dt.timedelta(days=1, seconds=2),
    uuid.UUID(int=5),
]
TEMPLATES = [
    "select ? from t",
    "select a + ? from t",
    "select coalesce(b, ?) from t",
    "select case when bo then ? else m end from t",
    "select a from t where d = ?",
    "select a from t where s > ? or f < ?",
    "select m * ? from t",
    "select d + ? from t",
    "select a from t where a in (?, 3)",
    "select ?::varchar || s from t",
    "select a from t limit ?",
    "select round(m, ?) from t",
]


@pytest.mark.parametrize("template", TEMPLATES)
def test_parameters_bind_as_duckdb_binds_them(
    template: str, planner: Planner, oracle: duckdb.DuckDBPyConnection
) -> None:
    """The same names, types and errors; and the same plan as with the parameter's value and type written out."""
    planned = 0
    for value in VALUES:
        params = [value] * template.count("?")
        try:
            relation = oracle.sql(template, params=params)
        except duckdb.Error:
            with pytest.raises((QueryError, Unsupported)):
                planner.plan(template, params)
            continue
        try:
            query = planner.plan(template, params)
        except Unsupported:
            continue
        planned += 1
        assert list(query.names) == relation.columns
        assert [str(t) for t in query.types] == [str(t) for t in relation.types]
        if isinstance(value, str):
            written = planner.plan(template.replace("?", "'" + value.replace("'", "''") + "'"))
            assert plan_text(query.root) == plan_text(written.root)
    assert planned > 0


def test_an_integer_parameter_has_a_type_that_a_literal_does_not_have(
    planner: Planner, oracle: duckdb.DuckDBPyConnection
) -> None:
    sql = "select xor(u, ?) from small"
    oracle.execute("create or replace table small (u utinyint)")
    small = Planner()
    small.sync({"small": [("u", parse("UTINYINT"))]})
    assert small.plan("select xor(u, 1) from small").types == (parse("UTINYINT"),)
    assert [str(t) for t in small.plan(sql, [1]).types] == [str(t) for t in oracle.sql(sql, params=[1]).types]
    assert small.plan(sql, [1]).types == (INTEGER,)
    small.close()


def test_parameters_by_position_number_and_name(planner: Planner) -> None:
    by_number = planner.plan("select $2, a + $1 from t where a < $1", [5, "é"]).root
    assert plan_text(by_number).startswith("project 'é':VARCHAR, +(#0, 5:INTEGER):INTEGER")
    by_name = planner.plan("select $low + a from t /* ? */ where s = '$low' and a > $low", {"low": 7}).root
    assert "7:INTEGER" in plan_text(by_name)
    assert "'$low':VARCHAR" in plan_text(by_name)


def test_text_around_parameters_is_kept(planner: Planner) -> None:
    sql = 'select s as "é?", $$ ? $$ as "$1", a -- ?\n from t where a>?and s=? limit ?'
    query = planner.plan(sql, [1, "?", 3])
    assert query.names == ("é?", "$1", "a")
    match query.root:
        case Limit(child=Project(child=Filter(predicate=predicate)), limit=3):
            assert text(predicate) == "and(>(#0, 1:INTEGER):BOOLEAN, =(#1, '?':VARCHAR):BOOLEAN):BOOLEAN"
        case other:
            pytest.fail(plan_text(other))


@pytest.mark.parametrize(
    ("sql", "params", "message"),
    [
        ("select ? from t", None, "not provided"),
        ("select ?, ? from t", [1], "not provided"),
        ("select ? from t", [1, 2], "count mismatch"),
        ("select a from t", [1], "count mismatch"),
        ("select $x from t", {"y": 1}, "x|y"),
        ("select ? from t", [object()], "object"),
        ("select ? from t", "x", "params must be a list"),
        ("select ? from t", 5, "params must be a list"),
        ("select a from t where a = ?", [2**200], "too large"),
    ],
)
def test_wrong_parameters_are_errors(sql: str, params: Any, message: str, planner: Planner) -> None:
    with pytest.raises(QueryError, match=message):
        planner.plan(sql, params)


def test_a_value_never_becomes_text(planner: Planner) -> None:
    hostile = "'); drop table t; --"
    query = planner.plan("select a from t where s = ?", [hostile])
    assert repr(hostile) in plan_text(query.root)
    assert planner.plan("select a from t").names == ("a",)


# --- what may be cached


@pytest.mark.parametrize(
    ("sql", "cacheable"),
    [
        ("select a from t where d < current_date", False),
        ("select a from t where ts < now()::timestamp", False),
        ("select a from t where d < today() - 5", False),
        ("select age(ts) from t", False),
        ("select a from t where tz > ago(interval 1 day)", False),
        ("select a from t where d < date '2020-01-01'", True),
        ("select 'now' from t", True),
    ],
)
def test_plans_of_the_moment_are_not_cacheable(sql: str, cacheable: bool, planner: Planner) -> None:
    try:
        assert planner.plan(sql).cacheable is cacheable
    except Unsupported:
        assert not cacheable


# --- schemas

HOSTILE = ['quo"te', "semi;colon", "a.b", "select", "--", "new\nline", "ünï", "'", "$1", "?", "x) --"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_identifiers(name: str, planner: Planner) -> None:
    other = Planner()
    other.sync({name: [(name, INTEGER), ("plain", VARCHAR)]})
    quoted = identifier(name)
    query = other.plan(f"select {quoted} from {quoted} where {quoted} > ?", [1])
    assert query.names == (name,)
    assert query.types == (INTEGER,)
    assert Scan(name, (0,), (INTEGER,)) == query.root.child.child  # type: ignore[union-attr]
    other.close()


def test_sync_follows_the_schema() -> None:
    planner = Planner()
    with pytest.raises(QueryError, match="does not exist"):
        planner.plan("select a from t")
    planner.sync({"t": [("a", INTEGER)], "u": [("b", VARCHAR)]})
    assert planner.plan("select a from T").types == (INTEGER,)
    planner.sync({"t": [("a", BIGINT)], "u": [("b", VARCHAR)]})
    assert planner.plan("select a from t").types == (BIGINT,)
    assert planner.plan("select b from u").types == (VARCHAR,)
    planner.sync({"u": [("b", VARCHAR)]})
    with pytest.raises(QueryError, match="does not exist"):
        planner.plan("select a from t")
    planner.close()


def test_columns_that_differ_in_case_only_are_left_to_duckdb() -> None:
    planner = Planner()
    planner.sync({"t": [("a", INTEGER), ("A", VARCHAR)], "u": [("b", INTEGER)]})
    for sql in ("select a from t", "select * from T"):
        with pytest.raises(Unsupported):
            planner.plan(sql)
    assert planner.plan("select b from u").types == (INTEGER,)
    planner.close()


@pytest.mark.parametrize("sql", ["select {} from t", "select a from t where {} > 0"])
def test_deep_expressions_are_left_to_duckdb(sql: str, planner: Planner) -> None:
    assert planner.plan(sql.format("abs(" * 50 + "a" + ")" * 50)).types == (INTEGER,)
    for depth in (200, 600):
        with pytest.raises(Unsupported, match="too deeply"):
            planner.plan(sql.format("abs(" * depth + "a" + ")" * depth))


def test_deep_queries_are_left_to_duckdb(planner: Planner) -> None:
    def nested(depth: int) -> str:
        return "select * from (" * depth + "select a from t limit 9" + ") limit 9" * depth

    assert planner.plan(nested(20)).types == (INTEGER,)
    with pytest.raises(Unsupported, match="too deeply"):
        planner.plan(nested(120))


def test_long_lists_are_planned(planner: Planner) -> None:
    values = ", ".join(str(3 * n) for n in range(2000))
    assert "5997:INTEGER" in plan_text(planner.plan(f"select a from t where a in ({values})").root)


def test_limit_null_is_no_limit(planner: Planner) -> None:
    assert plan_text(planner.plan("select a from t limit null").root).startswith("limit None offset 0")


def test_settings_change_plans() -> None:
    planner = Planner({"default_null_order": "nulls_first", "TimeZone": "Asia/Tokyo"})
    planner.sync(TABLES)
    assert "nulls first" in plan_text(planner.plan("select a from t order by a").root)
    constant = plan_text(planner.plan("select a from t where tz < timestamptz '1970-01-01'").root)
    assert str(-9 * 3600 * 10**6) in constant
    planner.close()


def test_sql_can_not_change_the_shadow(planner: Planner) -> None:
    for sql in ("set disabled_optimizers = ''", "create table sneaky (a int)", "load httpfs", "attach ':memory:' as x"):
        with pytest.raises(Unsupported):
            planner.plan(sql)
    with pytest.raises(QueryError, match="does not exist"):
        planner.plan("select * from sneaky")


def test_python_variables_are_not_tables(planner: Planner) -> None:
    local_frame = [1, 2, 3]
    with pytest.raises(QueryError, match="does not exist"):
        planner.plan("select * from local_frame")
    assert local_frame


def test_threads_share_a_planner(planner: Planner) -> None:
    def work(number: int) -> None:
        for i in range(20):
            plan = planner.plan("select a from t where a = ? and s = ?", [number * 1000 + i, f"s{number}"])
            assert f"{number * 1000 + i}:INTEGER" in plan_text(plan.root)
            assert f"'s{number}'" in plan_text(plan.root)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


def test_a_duckdb_whose_plans_mean_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duckdb.__version__", "1.4.4")
    installed.cache_clear()
    with pytest.raises(StoreError, match=r"1\.4\.4 is installed.*needs 1\.5, or 2\.0 or newer"):
        Planner()
    monkeypatch.undo()
    installed.cache_clear()
