"""The decoder against DuckDB's real plans, kept as files, and against those that the installed DuckDB makes now."""

from __future__ import annotations

from typing import Any

import pytest

from locality.errors import Unsupported
from locality.sql.decode import decode_plan
from locality.sql.json_values import load
from locality.sql.planner import Planner
from locality.sql.versions import version_of
from tests.sql.golden_queries import DIRECTORIES, INSTALLED, QUERIES
from tests.sql.notation import plan_text
from tests.versions import IS_2


def golden(version: str, name: str) -> dict[str, Any]:
    text = (DIRECTORIES[version] / f"{name}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = load(text, version_of(version).rewrite)
    return loaded


@pytest.mark.parametrize("version", DIRECTORIES)
@pytest.mark.parametrize("name", QUERIES)
def test_golden_plans_decode_as_they_did(version: str, name: str) -> None:
    kept = golden(version, name)
    assert plan_text(decode_plan(kept["plan"])).split("\n") == kept["decoded"]


@pytest.mark.parametrize("name", QUERIES)
def test_the_installed_duckdb_gives_the_same_plans(name: str, planner: Planner) -> None:
    kept = golden(INSTALLED, name)
    assert kept["sql"] == QUERIES[name]
    assert plan_text(planner.plan(kept["sql"]).root).split("\n") == kept["decoded"]


def test_no_golden_file_is_left_over() -> None:
    for directory in DIRECTORIES.values():
        assert {path.stem for path in directory.glob("*.json")} == set(QUERIES)


REFUSED = {
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 3) select * from c": "common table",
    "select a from t where (a, b) in (select (a, b) from u)": "function row",
    "select sum(a order by b) over () from t": "ordered window function sum",
    "select unnest([[1], [2]])": "constant of type INTEGER",
    "select a from t using sample 10%": "sample",
    "select a from t tablesample reservoir(5)": "sample",
    "select quantile_cont(a, -0.5) from t": "aggregate quantile_cont",
    "select a from t limit (select 2.5)": "LIMIT by an expression",
    "select * from range(200000)": "table function range of more than 100,000 rows",
    "select * from range(null)": "table function range of NULL",
    "select * from range(1, 5, 0)": "table function range of BIGINT",
    "select * from duckdb_tables()": "table function duckdb_tables",
    "select typeof(x) from (select null as x, a from t)": "function typeof of NULL without a type",
    "select array_value(a, b) from t": "type ARRAY",
    "select date_part(['year', 'month'], d) from t": "function date_part",
    "select a from t where d < 'infinity'": "infinite DATE",
    "select 'x'::json from t": "type JSON",
    "select random() from t": "function random",
    "select a from t where random() < 0.5": "function random",
    "select uuid() from t": "function uuid",
    "select current_setting('threads') from t": "function current_setting",
    "select getvariable('x') from t": "function getvariable",
    "select current_query() from t": "function current_query",
    "summarize t": "aggregate approx_quantile|function stddev",
    "insert into t(a) values (1)": "not a SELECT but INSERT",
    "create table x (a int)": "not a SELECT but CREATE",
    "copy t to 'x.csv'": "not a SELECT but COPY",
    "explain select 1": "not a SELECT but EXPLAIN",
    "pivot t on a using sum(b)": "not a SELECT but|several statements",
    "pragma version": "not a SELECT but PRAGMA|Only SELECT statements",
    "set threads = 1": "not a SELECT but SET",
    "select 1 from t; select 2 from t": "several statements",
    "select * from 'x.parquet'": "not stored",
    "select * from read_csv('x.csv')": "not stored",
} | ({"select struct_pack()": "without names"} if IS_2 else {})


@pytest.mark.parametrize("sql", REFUSED)
def test_everything_else_is_refused_by_name(sql: str, planner: Planner) -> None:
    with pytest.raises(Unsupported, match=REFUSED[sql]):
        planner.plan(sql)
