"""Queries that DuckDB answers after Locality ran parts of them: the same rows, types and names, and who did what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import hypothesis.strategies as st
import pandas as pd
import pytest
from hypothesis import given, settings

import locality
from locality.duckdb import AttachedConnection
from locality.runtime import parts
from tests.duckdb.rows import rows_of
from tests.properties.divided import VOLATILE, queries
from tests.properties.effort import examples
from tests.versions import since_2

DATA = """
create table t as select (range * 7) % 61 as a, (range % 90)::decimal(10, 2) as v, 'x' || range % 7 as b
from range(900);
insert into t values (null, null, null), (1, null, 'y');
create table u as select range % 50 as a, (range % 13)::decimal(10, 2) as v, 'x' || range % 5 as b from range(300);
create table loose as select range as a, (range * 3)::decimal(10, 2) as v, 'x' || range % 5 as b from range(20);
"""
SUMS = "select b, sum(v) as s from t group by b"


@pytest.fixture(autouse=True)
def anything_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LEAST_BYTES", 0)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("partial") / "my.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(DATA)
    return path


@pytest.fixture(scope="module")
def plain(con: AttachedConnection) -> duckdb.DuckDBPyConnection:
    return con._raw.cursor()


@pytest.fixture(scope="module")
def con(path: Path) -> Iterator[AttachedConnection]:
    with locality.attach(duckdb.connect(path)) as connection:
        connection.accelerate("t", "u")
        yield connection


@pytest.fixture(scope="module")
def store() -> Iterator[locality.Connection]:
    with locality.connect() as connection, duckdb.connect() as source:
        source.execute(DATA)
        for name in ("t", "u", "loose"):
            connection.ingest(name, source.table(name))
        yield connection


def ran(con: Any) -> list[str]:
    assert con.last_profile.engine == "duckdb" and con.last_profile.reason
    return [part.sql for part in con.last_profile.parts]


def ordered(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=repr)


@settings(max_examples=examples(8))
@given(sql=queries(), lazily=st.booleans())
def test_answers_are_duckdbs(sql: str, lazily: bool, con: AttachedConnection, plain: Any, store: Any) -> None:
    expected = plain.execute(sql)
    columns, rows = [each[:2] for each in expected.description], ordered(expected.fetchall())
    found = con.sql(sql) if lazily else con.execute(sql)
    assert found is not None
    assert [each[:2] for each in found.description] == columns
    assert ordered(found.fetchall()) == rows
    result = store.sql(sql)
    assert result.columns == [name for name, _ in columns]
    assert ordered(result.fetchall()) == rows


RECURSIVE = "with recursive r(i) as (select 1 union all select i + 1 from r where i < 5)"
DIVIDED = [
    (f"select s.b, l.a from loose l join ({SUMS}) s on l.b = s.b", 1),
    (f"with c as ({SUMS}) select * from c where {VOLATILE}", 1),
    (f"with c as ({SUMS}), d as (select max(s) as m from c) select d.m, l.a from d, loose l", 1),
    (f"with c as ({SUMS}) select x.s, y.s from c x, c y, loose l where x.b = y.b and l.b = x.b", 1),
    (f"select count(*) from t, u where t.a = u.a and t.v < 9 and u.v < 2 and {VOLATILE}", 1),
    ("select l.a from loose l where l.a in (select a from t group by a having sum(v) > 300)", 1),
    ("select t.b, l.v, sum(u.v) from t, u, loose l where t.a = u.a and t.v < 2 and l.a = t.a group by all", 1),
    ("select a from loose union select a from t where v = 5 group by a", 1),
    ("select a from loose union (select a from t where v = 5 group by a)", 1),
    (f"{RECURSIVE} select i, n from r, (select a, count(*) as n from t group by a) s where s.a = i", 1),
    (f"select t.a, t.b from t where {VOLATILE}", 0),
]  # fmt: skip


@since_2("an attached connection doesn't divide queries")
@pytest.mark.parametrize(("sql", "count"), DIVIDED)
def test_parts_run_where_they_can(sql: str, count: int, con: AttachedConnection, plain: Any) -> None:
    expected = ordered(plain.execute(sql).fetchall())
    assert ordered(con.execute(sql).fetchall()) == expected
    assert len(ran(con)) == count
    assert str(locality.explain(con, sql)).count("run by locality:") == count
    con.last_profile = None
    assert ordered(rows_of(con.sql(sql))) == expected
    assert len(ran(con)) == count


@since_2("an attached connection doesn't divide queries")
def test_other_values_have_the_same_parts(con: AttachedConnection, plain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []
    find = parts.find_parts
    monkeypatch.setattr(parts, "find_parts", lambda sql, *rest: found.append(sql) or find(sql, *rest))
    sums = "select b, sum(v) as s from t where a < {} group by b"
    sql = f"select l.a, s from loose l join ({sums}) s using (b) where v > {{}}"
    for values in [(40, 4), (30, 7), (7, 7), (50, 1), (1, 20), (20, 3)]:
        text = sql.format(*values)
        assert ordered(con.execute(text).fetchall()) == ordered(plain.execute(text).fetchall())
        assert len(ran(con)) == 1
    assert len(found) == 1


def test_a_store_runs_parts_too(store: locality.Connection, plain: Any) -> None:
    for sql, count in DIVIDED[:5]:
        sql = sql if VOLATILE in sql else f"{sql} {'and' if 'where' in sql else 'where'} {VOLATILE}"
        result = store.sql(sql)
        assert ordered(result.fetchall()) == ordered(plain.execute(sql).fetchall())
        assert result.profile.engine == "duckdb" and len(result.profile.parts) == count
        assert all(part.rows for part in result.profile.parts)
        assert str(store.explain(sql)).count("run by locality:") == count


GIVEN: list[tuple[str, Any]] = [
    ("select s, l.a + ? from loose l join (select b, sum(v) as s from t where a < ? group by b) s using (b) where v>?",
     [1, 40, 2]),
    (f"with c as (select b, max(v) + $k as s from t group by b) select s, $l from c where s > $k and {VOLATILE}",
     {"k": 3, "l": "text"}),
    (f"select $2, b, a from (select b, count(*) as a from t where b > $1 group by b) where a > $2 and {VOLATILE}",
     ("x1", 2)),
]  # fmt: skip


@since_2("an attached connection doesn't divide queries")
@pytest.mark.parametrize(("sql", "params"), GIVEN)
def test_parts_have_their_parameters(sql: str, params: Any, con: AttachedConnection, plain: Any, store: Any) -> None:
    expected = plain.execute(sql, params)
    names, rows = [name for name, *_ in expected.description], ordered(expected.fetchall())
    for _ in range(2):
        assert rows and ordered(con.execute(sql, params).fetchall()) == rows
        assert len(ran(con)) == 1 and [name for name, *_ in con.description] == names
        relation = con.sql(sql, params=params)
        assert ordered(rows_of(relation)) == rows
        assert len(ran(con)) == 1
    result = store.sql(sql, params)
    assert ordered(result.fetchall()) == (rows if "loose" not in sql else ordered(result.fetchall()))
    assert len(result.profile.parts) == 1 or result.profile.engine == "locality"


@since_2("an attached connection doesn't divide queries")
def test_the_rest_sees_the_callers_data(con: AttachedConnection) -> None:
    frame = pd.DataFrame({"b": ["x1", "x2"], "k": [1, 2]})
    sql = f"select k, s from frame join ({SUMS}) s using (b) order by k"
    expected = con._raw.execute(sql).fetchall()
    assert con.execute(sql).fetchall() == expected and len(frame) == 2
    assert len(ran(con)) == 1
    relation = con.sql(sql)
    assert relation is not None
    assert relation.df().values.tolist() == [[k, float(s)] for k, s in expected]
    assert len(ran(con)) == 1
    con.create_function("twice", lambda x: 2 * x, ["BIGINT"], "BIGINT")
    sql = "select twice(a) from (select a, count(*) from t where a < 3 group by a)"
    assert ordered(con.execute(sql).fetchall()) == [(0,), (2,), (4,)]
    assert len(ran(con)) == 1


@pytest.mark.parametrize(
    "sql",
    [
        f"select b from t p, loose q where p.a = q.a and {VOLATILE}",  # ambiguous
        f"select s.nothing from ({SUMS}) s, loose",
        f"select s.s::integer / (l.a - l.a)::varchar from ({SUMS}) s, loose l",
        f"select (s.b || 'x')::integer from ({SUMS}) s, loose l",
    ],
)
def test_errors_are_duckdbs(sql: str, con: AttachedConnection, plain: Any) -> None:
    with pytest.raises(duckdb.Error) as expected:
        plain.execute(sql).fetchall()
    with pytest.raises(duckdb.Error) as found:
        con.execute(sql).fetchall()
    assert type(found.value) is type(expected.value)


@since_2("an attached connection doesn't divide queries")
def test_parts_are_never_older_than_the_rest(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit between the parts and the rest is noticed."""
    sql = "select count(*), max(z.m) from (select a from t group by a), (select max(a) as m from loose) z"
    with locality.attach(duckdb.connect(tmp_path / "other.duckdb")) as con:
        con.execute(DATA)
        con.accelerate("t")
        other = con._raw.cursor()
        assert con.execute(sql).fetchall() == [(62, 19)]
        assert len(ran(con)) == 1
        run_parts, commits = parts.run_parts, Counter[str]()

        def run_and_write(*args: Any) -> Any:
            found = run_parts(*args)
            other.execute("insert into loose values (1000, 1, 'z'); insert into t values (999, 1, 'z')")
            commits["all"] += 1
            return found

        monkeypatch.setattr(parts, "run_parts", run_and_write)
        assert con.execute(sql).fetchall() == [(63, 1000)]
        assert commits["all"] == 1 and ran(con) == []
        assert con.execute(sql).fetchall() == [(63, 1000)]
