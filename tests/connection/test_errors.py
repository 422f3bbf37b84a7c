"""Wrong queries, values that overflow, and connections that are closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

import locality
from locality.connection import Connection
from locality.errors import (
    ConnectionClosedError,
    QueryError,
    SchemaError,
)
from tests.connection.numbers import ROWS, ask, in_duckdb, numbers


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select * from missing", "missing"),
        ("select missing from t", "missing"),
        ("selec 1", "selec"),
        ("select n from t where", "syntax|end of input"),
        ("select sum(word) from t", "sum"),
        ("select n from t group by word", "GROUP BY"),
        ("select missing(n) from t", "missing"),
        ("", "statement|query|empty"),
    ],
)
def test_a_wrong_query_is_an_error_that_says_what_is_wrong(connection: Connection, sql: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        connection.sql(sql)
    with pytest.raises(QueryError, match=message):
        connection.explain(sql)
    assert ask(connection, "select count(*) from t") == [(ROWS,)]


@pytest.mark.parametrize(
    "sql",
    [
        "select tens * 2000000 from t",
        "select sum(x) from (select n * 9223372036854775 as x from t)",
        "select (n - 1)::utinyint from t where n < 5",
        "select n from t where n < 'x'",
        "select n::tinyint from t",
    ],
)
def test_an_error_for_some_value_is_duckdbs_error(connection: Connection, sql: str) -> None:
    with pytest.raises(duckdb.Error) as theirs:
        in_duckdb(numbers(), sql)
    with pytest.raises(QueryError) as ours:
        connection.sql(sql)
    assert str(ours.value).partition(":")[0] == str(theirs.value).partition(":")[0]
    assert ask(connection, "select count(*) from t") == [(ROWS,)]


def test_an_overflow_in_rows_that_are_filtered_out_is_none(connection: Connection) -> None:
    assert ask(connection, "select max(tens * 2000000) from t where n < 100") == [(18_000_000,)]
    assert connection.sql("select sum(100 // n) from t where n > 0 and n < 3").fetchall() == [(150,)]


USES: dict[str, Callable[[Connection], Any]] = {
    "sql": lambda connection: connection.sql("select 1"),
    "explain": lambda connection: connection.explain("select 1"),
    "ingest": lambda connection: connection.ingest("u", numbers()),
    "drop": lambda connection: connection.drop("t"),
    "tables": lambda connection: connection.tables(),
    "info": lambda connection: connection.info(),
    "verify": lambda connection: connection.verify(),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_closed_connection_says_so(connection: Connection, use: Callable[[Connection], Any]) -> None:
    result = connection.sql("select n from t where n < 2")
    connection.close()
    connection.close()
    with pytest.raises(ConnectionClosedError, match="closed"):
        use(connection)
    assert result.fetchall() == [(0,), (1,)]


@pytest.mark.parametrize("name", [7, None, b"t"])
def test_the_name_of_a_table_is_text(connection: Connection, name: Any) -> None:
    with pytest.raises(SchemaError, match="a table's name is text, not a"):
        connection.ingest(name, numbers())


def test_an_unknown_mode_changes_nothing(connection: Connection) -> None:
    mode: Any = "apend"
    with pytest.raises(ValueError, match="no mode 'apend': it is one of create, replace, append"):
        connection.ingest("t", numbers(), mode=mode)
    assert ask(connection, "select count(*) from t") == [(ROWS,)]


@pytest.mark.parametrize(
    ("sql", "params", "message"),
    [
        (None, None, "text, not NoneType"),
        ("select ?", 5, "a list of values .* not 5"),
        ("select ?", "five", "not 'five'"),
    ],
)
def test_what_is_no_statement_or_no_parameters_is_told(
    connection: Connection, sql: Any, params: Any, message: str
) -> None:
    with pytest.raises(QueryError, match=message):
        connection.sql(sql, params)


def test_foreign_keys_in_another_form_are_told(connection: Connection) -> None:
    keys: Any = [("n", "t")]
    with pytest.raises(SchemaError, match=r"\{'column': 'table\(column\)'\}"):
        connection.ingest("u", numbers(), foreign_keys=keys)


@pytest.mark.parametrize("given", ["my.duckdb", Connection])
def test_only_duckdbs_connections_are_attached(given: Any) -> None:
    with pytest.raises(TypeError, match=r"duckdb.connect\(...\)"):
        locality.attach(given)
