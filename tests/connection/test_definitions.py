"""CREATE TABLE, CREATE TABLE ... AS and DROP TABLE."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import locality
from locality.connection import Connection
from locality.errors import CatalogError, KeyViolation, QueryError
from locality.storage.table import ForeignKey


@pytest.fixture
def connection() -> Iterator[Connection]:
    with locality.connect() as made:
        made.ingest("t", pa.table({"k": range(6), "word": ["x", "y"] * 3}), primary_key="k")
        yield made


def run(connection: Connection, sql: str, params: Any = None, engine: str = "locality") -> list[Any]:
    result = connection.sql(sql, params)
    assert result.profile.engine == engine
    return result.fetchall()


def test_a_query_becomes_a_table(connection: Connection) -> None:
    result = connection.sql("create table s as select word, sum(k) as total, count(*) as n from t group by word")
    assert (result.columns, result.types, result.fetchall()) == (["Count"], ["BIGINT"], [(2,)])
    assert result.profile.engine == "locality"
    answer = connection.sql("from s order by word")
    assert answer.types == ["VARCHAR", "HUGEINT", "BIGINT"]
    assert answer.fetchall() == [("x", 6, 3), ("y", 9, 3)]
    connection.verify()


def test_what_only_duckdb_can_read_becomes_a_table_too(connection: Connection, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n1,x\n2,y\n")
    assert run(connection, f"create table f as from '{file}'", engine="duckdb") == [(2,)]
    assert run(connection, f"create table if not exists f as select 5 as c from '{file}'", engine="duckdb") == [(0,)]
    assert run(connection, "from f order by a") == [(1, "x"), (2, "y")]
    assert run(connection, f"create or replace table f as select a * ? as c from '{file}'", [7], "duckdb") == [(2,)]
    assert run(connection, "from f order by c") == [(7,), (14,)]
    assert run(connection, "create table n as select [1, 2] as l, {'a': 1} as s", engine="duckdb") == [(1,)]
    assert run(connection, "from n") == [([1, 2], {"a": 1})]


def test_a_table_of_the_same_name(connection: Connection) -> None:
    with pytest.raises(CatalogError, match="'t' is already in the store"):
        connection.sql("create table T as select 1 as a")
    assert run(connection, "create table if not exists t (a integer)") == [(0,)]
    assert run(connection, "select count(*) from t") == [(6,)]
    assert run(connection, "create or replace table t as select 1 as a") == [(1,)]
    assert run(connection, "from t") == [(1,)]


def test_an_empty_table_has_its_types_and_keys(connection: Connection) -> None:
    run(
        connection,
        """
        create table c (
            id bigint primary key, parent bigint references t (k), amount decimal(10, 2), u uuid, l int[],
            e enum ('x', 'y'), h hugeint
        )
        """,
    )
    info = connection.info().tables[1]
    assert [column.type for column in info.columns][:4] == ["BIGINT", "BIGINT", "DECIMAL(10,2)", "UUID"]
    assert (info.primary_key, info.foreign_keys) == (("id",), (ForeignKey(("parent",), "t", ("k",)),))
    connection.sql("insert into c values (1, 3, 1.5, null, [1], 'x', 5)")
    with pytest.raises(KeyViolation, match="99 at row 1"):
        connection.sql("insert into c (id, parent) values (2, 99)")
    with pytest.raises(KeyViolation, match="others refer to"):
        connection.sql("delete from t where k = 3")
    connection.verify()


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("create table q (a int not null)", "NOT NULL constraints are not kept"),
        ("create table q (a int unique)", "UNIQUE constraints are not kept"),
        ("create table q (a int check (a > 3))", "CHECK constraints are not kept"),
        ("create table q (a int default 3)", "default values and generated columns are not kept"),
        ("create temp table q (a int)", "one schema, and no temporary tables"),
        ("create view q as select 1", "CREATE VIEW is not possible"),
        ("create schema q", "a store holds tables only"),
        ("create index q on t (k)", "a store holds tables only"),
        ("create table q (a nothing)", "Type with name nothing does not exist"),
        ("drop view t", "DROP is not possible|of type Table"),
        ("drop table t cascade", "drop the tables that refer to it first"),
        ("drop table nothing", "Table with name nothing does not exist"),
    ],
)
def test_what_a_store_does_not_hold_is_refused(connection: Connection, sql: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        connection.sql(sql)
    assert connection.tables() == ["t"]


def test_dropped_tables_are_gone(connection: Connection) -> None:
    connection.sql("create table c (parent bigint references t)")
    with pytest.raises(CatalogError, match="a foreign key of 'c' names it"):
        connection.sql("drop table t")
    result = connection.sql("drop table c")
    assert (result.columns, result.types, result.fetchall()) == (["Success"], ["BOOLEAN"], [])
    assert run(connection, "drop table if exists c") == []
    connection.sql("drop table t")
    assert connection.tables() == []
