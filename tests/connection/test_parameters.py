"""Parameters of queries, by position and by name."""

from __future__ import annotations

from typing import Any

import pytest

from locality.connection import Connection
from locality.errors import (
    QueryError,
)
from tests.connection.numbers import ask


def test_execute_is_another_name_of_sql(connection: Connection) -> None:
    assert connection.execute("select ? + 1", [2]).fetchone() == (3,)
    assert connection.execute("select $n + 1", {"n": 2}).fetchone() == (3,)


@pytest.mark.parametrize(
    ("sql", "params", "expected"),
    [
        ("select count(*) from t where n < ?", [10], 10),
        ("select count(*) from t where n between ? and ?", (5, 9), 5),
        ("select count(*) from t where n between $2 and $1", [9, 5], 5),
        ("select count(*) from t where n < $most and word = $word", {"most": 10, "word": "odd"}, 5),
        ("select count(*) from t where word = ?", ["'; drop table t; --"], 0),
        ("select count(*) from t where half = ?", [2.5], 1),
        ("select count(*) from t where n is not distinct from ?", [None], 0),
    ],
)
def test_parameters_stand_for_values(connection: Connection, sql: str, params: Any, expected: int) -> None:
    assert connection.sql(sql, params).fetchall() == [(expected,)]


def test_same_text_with_other_parameters_is_another_query(connection: Connection) -> None:
    sql = "select count(*) from t where n < ?"
    assert [ask(connection, sql, [limit])[0][0] for limit in (10, 20, 10)] == [10, 20, 10]
    assert ask(connection, sql, [0.5]) == [(1,)]
    assert ask(connection, sql, [True]) == [(1,)]
    assert ask(connection, sql, [1]) == [(1,)]


@pytest.mark.parametrize("params", [None, [], [1, 2], {"n": 1}])
def test_parameters_that_do_not_fit_are_refused(connection: Connection, params: Any) -> None:
    with pytest.raises(QueryError):
        connection.sql("select count(*) from t where n < ?", params)
