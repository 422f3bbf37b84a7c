"""A walk through the surface of DuckDB's Python client: every call gives what it gives on a plain connection."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import locality
from tests.versions import IS_2

DATA = """
create table items as select range as i, 'item ' || range % 4 as j, (range / 3)::decimal(9, 2) as v from range(40);
create table other(i integer, j varchar);
"""
FRAME = pd.DataFrame({"i": [1, 2, 3, 4], "j": ["one", "two", "three", "four"]})


@pytest.fixture(scope="module")
def connections(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    folder = tmp_path_factory.mktemp("client")
    with duckdb.connect(folder / "plain.duckdb") as plain, duckdb.connect(folder / "attached.duckdb") as raw:
        for each in (plain, raw):
            each.execute(DATA)
        attached = locality.attach(raw)
        attached.accelerate("items")
        yield plain, attached


def registered(con: Any) -> Any:
    con.register("frame", FRAME)
    found = con.execute("select j from frame where i > 1").fetchdf().to_dict()
    joined = con.execute("select sum(items.v) from items join frame using (i)").fetchall()
    con.unregister("frame")
    return found, joined


def written(con: Any, folder: Path) -> Any:
    con.table("items").write_csv(str(folder / "rows.csv"))
    con.sql("select j, sum(v) as s from items group by j order by j").write_parquet(str(folder / "rows.parquet"))
    read = con.read_csv(str(folder / "rows.csv")).aggregate("sum(i)"), con.read_parquet(str(folder / "rows.parquet"))
    return [each.fetchall() for each in read]


def made(con: Any) -> Any:
    con.from_df(FRAME).create("made")
    con.table("made").insert([5, "five"])
    con.values([6, "six"]).insert_into("made")
    con.append("made", FRAME)
    con.table("items").filter("i < 3").project("i, j").insert_into("made")
    con.executemany("insert into made values (?, ?)", [[7, "seven"], [8, "eight"]])
    con.table("items").filter("i < 9").create_view("seen")
    found = con.table("made").order("all").fetchall(), con.view("seen").fetchall()
    con.execute("drop table made; drop view seen")
    return found


def transacted(con: Any) -> Any:
    con.begin()
    con.execute("insert into other values (1, 'a')")
    first = con.execute("select count(*) from other").fetchall()
    con.rollback()
    return first, con.execute("select count(*) from other").fetchall(), con.cursor().sql("from other").fetchall()


def called(con: Any) -> Any:
    con.create_function("tripled", lambda x: 3 * x, ["BIGINT"], "BIGINT")
    found = con.execute("select sum(tripled(i)) from items").fetchall()
    con.remove_function("tripled")
    return found, con.execute("select sum(i) from items").fetchall()


def prepared(con: Any) -> Any:
    con.execute("prepare least as select count(*) from items where i >= ?")
    return con.execute("execute least(7)").fetchall(), con.execute("deallocate least").fetchall()


def parsed(con: Any) -> Any:
    statements = con.extract_statements("select count(*) from items; select 2")
    return [con.execute(each).fetchall() for each in statements], con.get_table_names("select * from items, other")


def failed(con: Any) -> Any:
    found = []
    for text in ("selec 1", "select x from items", "from nowhere", "select j::int from items", "drop table nowhere"):
        try:
            con.execute(text).fetchall()
        except duckdb.Error as error:
            found.append((type(error), str(error)))
    return found


def chunks(con: Any) -> Any:
    text = "select i % 7 as i from items, range(180) order by all"
    found = []
    for rows, vectors in ((0, 1), (1, 1), (2047, 2), (2048, 1)):
        con.execute(text).fetchmany(rows)
        found += [list(con.fetch_df_chunk(vectors)["i"]), con.fetchone()]
        for _ in range(4):
            chunk = con.fetch_df_chunk(2)
            found.append(chunk if chunk is None else len(chunk))
        found += [len(con.fetchall()), con.fetch_df_chunk()]
    return found


def refused(con: Any) -> Any:
    found = []
    for text, values in (
        ("select count(*) from items where i = ?", [1, 2]),
        ("select count(*) from items where i = $2", [1, 2]),
        ("select count(*) from items where i = $i", {"i": 1, "j": 2}),
        ("select count(*) from items where i = ?", []),
    ):
        try:
            found.append(con.execute(text, values).fetchall())
        except duckdb.Error as error:
            found.append((type(error), str(error)))
    con.close()
    for call in (lambda: con.execute("select count(*) from items"), lambda: copy.copy(con)):
        try:
            call()
        except (duckdb.Error, TypeError) as error:
            found.append((type(error), str(error)))
    return found


CALLS: list[Callable[[Any], Any]] = [
    lambda c: c.execute("select * from items where i > ? order by i", [35]).fetchnumpy()["i"].tolist(),
    lambda c: c.execute("select avg(v), max(j) from items").fetch_arrow_table(),
    lambda c: c.sql("select i from items order by i").to_arrow_reader(7).read_all(),
    lambda c: c.execute("select * from items order by i").pl().rows(),
    lambda c: c.sql("select i, j as i, v as I, v, i > 3 as b, [v] as l from items order by all").pl().rows(named=True),
    lambda c: str(c.sql("select i, j as i, v, [v] as l, i > 3 as b from items order by all").to_arrow_table()),
    lambda c: (
        c.sql("select *, i + 1 from items where i < 0").pl().schema,
        c.sql("from items").to_arrow_table().schema,
    ),
    lambda c: c.table("items").alias,
    lambda c: c.table("items").set_alias("mine").alias,
    lambda c: (c.table("items").type, c.table("items").columns, c.table("items").types, c.table("items").shape),
    lambda c: c.table("items").description,
    lambda c: c.table("items").filter("i > 30").project("i + 1 as n, j").order("j, n").limit(3, offset=1).fetchall(),
    lambda c: c.table("items").aggregate("j, sum(v)").order("j").fetchall(),
    lambda c: c.table("items").aggregate("sum(v), count(*)", "j").order("all").fetchall(),
    lambda c: c.table("items").select("j").distinct().order("j").fetchall(),
    lambda c: c.table("items").count("*").fetchall() + c.table("items").sum("v").fetchall(),
    lambda c: c.table("items").max("i", "j").order("1").fetchall(),
    lambda c: c.table("items").describe().df().to_string(),
    lambda c: c.table("items").set_alias("a").join(c.table("items").set_alias("b"), "a.i = b.i").count("*").fetchall(),
    lambda c: c.table("items").join(c.from_df(FRAME), "i").order("i").fetchall(),
    lambda c: c.table("items").union(c.table("items")).except_(c.table("items").limit(5)).count("*").fetchall(),
    lambda c: c.table("items").intersect(c.table("items").filter("v < 2")).order("i").fetchall(),
    lambda c: c.table("items").query("them", "select count(*) from them").fetchall(),
    lambda c: c.sql("select * from items").filter(duckdb.ColumnExpression("i") > 37).order("i").fetchall(),
    lambda c: c.sql("select j, sum(v) as s from items group by j order by j").df().dtypes.astype(str).to_dict(),
    lambda c: [len(c.sql("from items").fetchmany(7)), c.sql("from items order by i").fetchone()],
    lambda c: c.from_arrow(pa.table({"x": [1, 2]})).fetchall(),
    lambda c: c.query("select 1 as a").fetchall() + c.from_query("select count(*) as n from items").fetchall(),
    lambda c: c.sql("select count(*), median(v), string_agg(j, ',' order by i) from items").fetchall(),
    lambda c: np.asarray(c.execute("select i from items order by i limit 3").fetchnumpy()["i"]).tolist(),
    *([lambda c: duckdb.sql("select sum(i) from items", connection=c).fetchall()] if IS_2 else []),
    lambda c: isinstance(c, duckdb.DuckDBPyConnection) and isinstance(c.cursor(), duckdb.DuckDBPyConnection),
    lambda c: repr(c.sql("select j, count(*) as n from items group by j order by j")),
    registered,
    made,
    transacted,
    called,
    prepared,
    parsed,
    failed,
    *([chunks] if IS_2 else []),  # DuckDB 1.5 loses the rest of a chunk
    refused,
]


def test_calls_give_what_duckdbs_give(connections: tuple[Any, Any], tmp_path: Path) -> None:
    plain, attached = connections
    engines = set()
    for call in (*CALLS, lambda c: written(c, tmp_path)):
        cursor = attached.cursor()
        try:
            expected = call(plain.cursor())
        except AttributeError:  # not in this version
            continue
        assert call(cursor) == expected, call.__code__.co_firstlineno
        engines.add(cursor.last_profile.engine if cursor.last_profile else "none")
    assert engines >= {"locality", "duckdb"}
