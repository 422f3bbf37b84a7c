"""Programs such as DuckDB's pages on its Python client show: over an attached connection they print the same."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

import locality
from tests.versions import since_2

TABLES = """
create table items(item varchar, value decimal(10, 2), count integer);
insert into items values ('jeans', 20.0, 1), ('hammer', 42.2, 2), ('laptop', 2000, null), (null, 1.5, 7);
create table days as select date '2024-01-01' + range::integer as day, range % 3 as kind, range / 4 as x
from range(90);
create table people(id integer primary key, name varchar, tags varchar[], born timestamp,
info struct(a integer, b varchar));
insert into people values
(1, 'Ada', ['x', 'y'], '1815-12-10 10:00:00', {'a': 1, 'b': 'one'}), (2, 'Bob', [], null, null);
"""
#: Values of Python, as parameters.
VALUES: list[Any] = [
    *(None, True, 1, 2**40, 2**100, 1.5, float("inf"), "text", b"\xaa", Decimal("1.25"), [1, 2, None], {"k": 1}),
    *(datetime.date(2024, 2, 29), datetime.time(1, 2, 3), datetime.datetime(2024, 1, 1, 12, 30, 0, 5)),
    datetime.timedelta(days=1, seconds=5),
]


def build_queries_step_by_step(con: Any) -> Any:
    first = con.sql("select item, value * 2 as twice from items where count is not null")
    second = con.sql("select max(twice) as most from first")
    assert first is not None
    return first.fetchall(), second.fetchall(), con.sql("select count(*) from first, second").fetchall()


def query_frames_of_the_caller(con: Any) -> Any:
    frame = pd.DataFrame({"kind": [0, 1], "label": ["zero", "one"]})
    polars, arrow = pl.from_pandas(frame), pa.Table.from_pandas(frame)
    scanner = pa.dataset.dataset(arrow).scanner()
    found = []
    for name in ("frame", "polars", "arrow", "scanner"):
        text = f"select label, sum(x) as s from days join {name} using (kind) group by label order by label"
        found.append(con.sql(text).fetchall())
    return found, len(frame), len(polars), len(arrow), scanner.count_rows()


def convert_results(con: Any) -> Any:
    text = "select kind, count(*) as n, avg(x) as a, max(day) as last from days group by kind order by kind"
    arrays = con.execute(text).fetchnumpy()
    return (
        con.sql(text).df().to_string(),
        con.execute(text).df().dtypes.astype(str).tolist(),
        con.sql(text).pl().rows(),
        {name: np.asarray(each).tolist() for name, each in arrays.items()},
        con.sql(text).to_arrow_reader(2).read_all().to_pydict(),
        [con.execute(text).fetchone(), con.fetchmany(1), con.fetchall(), con.fetchone()],
    )


def read_nested_values(con: Any) -> Any:
    text = "select *, len(tags) as n, info.b as b from people order by id"
    frame = con.sql(text).df()
    return con.sql(text).fetchall(), frame["name"].tolist(), con.sql("select unnest(tags) from people").fetchall()


def read_and_write_files(con: Any, folder: Path) -> Any:
    con.sql("from days order by day").write_parquet(str(folder / "days.parquet"))
    con.sql("from items").write_csv(str(folder / "items.csv"))
    (folder / "rows.json").write_text("\n".join(json.dumps({"kind": k, "w": k / 2}) for k in range(3)))
    con.execute(f"copy (select kind, count(*) as n from days group by all) to '{folder}/kinds.csv' (header)")
    joined = f"select sum(x * w) from days join '{folder}/rows.json' using (kind)"
    return (
        con.read_parquet(str(folder / "*.parquet")).aggregate("count(*), sum(x)").fetchall(),
        con.read_csv(str(folder / "items.csv"), header=True).order("all").fetchall(),
        con.sql(f"from '{folder}/kinds.csv' order by all").fetchall(),
        con.sql(joined).fetchall(),
        con.read_json(str(folder / "rows.json")).columns,
    )


def use_the_db_api(con: Any) -> Any:
    con.execute("create or replace table made(i integer, s varchar)")
    con.executemany("insert into made values (?, ?)", [[1, "a"], [2, "b"], [3, None]])
    con.execute("insert into made values ($i, $s)", {"i": 4, "s": "d"})
    found = [
        con.execute("select item from items where value > ? order by item", [10]).fetchall(),
        con.execute("select $a + $a, $b", {"a": 2, "b": "x"}).fetchall(),
        con.execute("select count(*), max(s) from made where i > ?", (1,)).fetchone(),
        [(column[0], str(column[1])) for column in con.execute("select item, value from items").description],
    ]
    with con.cursor() as cursor:
        cursor.begin()
        cursor.execute("delete from made where i = 1")
        found.append([cursor.execute("from made order by i").fetchall(), con.execute("from made").fetchall()])
        cursor.rollback()
    con.execute("drop table made")
    return found


def pass_values(con: Any) -> Any:
    return [con.execute("select ? as v, typeof(?) from items limit 1", [each, each]).fetchall() for each in VALUES]


def chain_relations(con: Any) -> Any:
    days = con.table("days")
    sums = days.filter("x > 2").aggregate("kind, sum(x) as s, count(*) as n", "kind").order("kind")
    return (
        sums.fetchall(),
        days.project("kind, x").distinct().count("*").fetchall(),
        days.set_alias("a").join(days.set_alias("b"), "a.day = b.day").count("*").fetchall(),
        days.limit(3, offset=2).order("day").fetchall(),
        days.select("kind").union(days.select("kind")).aggregate("count(*)").fetchall(),
        days.query("them", "select kind, min(x) from them group by kind order by kind").fetchall(),
        days.describe().columns,
        (days.columns, [str(each) for each in days.types], days.shape, len(days)),
        days.mean("x").fetchall() + days.max("day").fetchall() + days.quantile_cont("x", 0.5).fetchall(),
        days.row_number("over (order by day)").limit(2).fetchall(),
    )


def build_expressions(con: Any) -> Any:
    column, constant = duckdb.ColumnExpression, duckdb.ConstantExpression
    case = duckdb.CaseExpression(column("x") > 10, constant("much")).otherwise(constant("little")).alias("size")
    call = duckdb.FunctionExpression("round", column("x") / 3, constant(1))
    days = con.table("days")
    return (
        days.select(case, call).order("all").limit(4).fetchall(),
        days.select(duckdb.StarExpression(exclude=["day"])).order("all").limit(2).fetchall(),
        days.filter(column("kind").isin(1, 2) & ~(column("x") < 20)).sort(column("day").desc()).limit(2).fetchall(),
        con.table("items").filter(column("count").isnotnull()).select(column("value").cast("integer")).fetchall(),
    )


def call_functions_of_python(con: Any) -> Any:
    def label(kind: int, x: float) -> str:
        return f"{kind}:{x:.1f}"

    def or_none(count: int | None) -> int:
        return -1 if count is None else count

    con.create_function("label", label, ["BIGINT", "DOUBLE"], "VARCHAR")
    con.create_function("or_none", or_none, ["INTEGER"], "INTEGER", null_handling="special")
    found = (
        con.sql("select label(kind, max(x)) from days group by kind order by kind").fetchall(),
        con.sql("select or_none(count), item from items order by value").fetchall(),
        con.sql(
            "select label(kind, x), count(*) from days where kind = 0 group by all order by all limit 2"
        ).fetchall(),
    )
    con.remove_function("label")
    con.remove_function("or_none")
    try:
        con.sql("select label(1, 2) from items")
    except duckdb.Error as error:
        return *found, type(error).__name__
    return found


def register_views(con: Any) -> Any:
    con.register("seen", pd.DataFrame({"kind": [0, 2]}))
    found = [con.execute("select count(*) from days semi join seen using (kind)").fetchall()]
    con.unregister("seen")
    con.sql("select kind from days where x > 20").create_view("late")
    found += [con.table("late").distinct().order("kind").fetchall(), con.view("late").count("*").fetchall()]
    con.execute("drop view late")
    try:
        con.execute("from seen")
    except duckdb.Error as error:
        found.append(type(error).__name__)
    return found


def write_through_relations(con: Any) -> Any:
    con.sql("select kind, count(*) as n from days group by kind").create("counts")
    counts = con.table("counts")
    counts.insert([7, 7])
    con.values([8, 8]).insert_into("counts")
    con.append("counts", pd.DataFrame({"kind": [9], "n": [9]}))
    found = counts.order("kind").fetchall(), con.table("counts").sum("n").fetchall()
    con.execute("drop table counts")
    return found


def print_relations(con: Any) -> Any:
    days = con.sql("select kind, count(*) as n, sum(x) as s from days group by kind order by kind")
    return str(days), repr(con.table("items")), con.sql("select 42 as answer from items limit 1").__str__()


def meet_errors(con: Any) -> Any:
    found = []
    for text in ("select wrong from items", "selec 1", "select item::integer from items", "from nothing", "select 1 +"):
        try:
            found.append(con.execute(text).fetchall())
        except duckdb.Error as error:
            found.append((type(error).__name__, str(error)))
    return found


def use_prepared_statements_and_settings(con: Any) -> Any:
    con.execute("prepare cheap as select item from items where value < $1 order by item")
    found = [con.execute("execute cheap(50)").fetchall(), con.execute("deallocate cheap").fetchall()]
    con.execute("set default_null_order = 'nulls_first'")
    found.append(con.execute("select item from items order by item").fetchall())
    con.execute("reset default_null_order")
    con.execute("set variable least = 10")
    found.append(con.execute("select item from items where value > getvariable('least') order by item").fetchall())
    return found, con.execute("select item from items order by item").fetchall()


PROGRAMS: list[Callable[..., Any]] = [
    *(build_queries_step_by_step, query_frames_of_the_caller, convert_results, read_nested_values, use_the_db_api),
    *(pass_values, chain_relations, build_expressions, call_functions_of_python, register_views, meet_errors),
    *(write_through_relations, print_relations, use_prepared_statements_and_settings),
]


def printed(program: Callable[..., Any], con: Any, *args: Any) -> str:
    """What a program prints of its results."""
    return repr(program(con, *args))


@since_2("the client has other methods")
@pytest.mark.parametrize("where", ["file", "memory"])
def test_examples_print_the_same(where: str, tmp_path: Path) -> None:
    paths = [":memory:"] * 2 if where == "memory" else [str(tmp_path / f"{name}.duckdb") for name in ("plain", "other")]
    with duckdb.connect(paths[0]) as plain, locality.attach(duckdb.connect(paths[1])) as attached:
        for each in (plain, attached):
            each.execute(TABLES)
        files = tmp_path / "files"
        files.mkdir()
        expected = [*(printed(each, plain) for each in PROGRAMS), printed(read_and_write_files, plain, files)]
        attached.accelerate("items", "days", "people")
        engines = set()
        for program, wanted in zip((*PROGRAMS, read_and_write_files), expected, strict=True):
            attached.last_profile = None
            args = (files,) if program is read_and_write_files else ()
            assert printed(program, attached, *args) == wanted, program.__name__
            engines.add("none" if attached.last_profile is None else attached.last_profile.engine)
        assert "locality" in engines
