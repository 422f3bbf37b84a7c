"""Plans that are kept while tables change, by the connection itself, by others, and by other threads."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import locality
from locality.connection import Connection
from locality.errors import (
    QueryError,
)
from tests.connection.numbers import ROWS, SUM, ask, expected_sum, numbers


def test_a_kept_plan_sees_appended_and_replaced_rows(connection: Connection) -> None:
    assert ask(connection, SUM) == expected_sum(numbers())
    connection.ingest("t", numbers(ROWS, 50), mode="append")
    assert ask(connection, SUM) == expected_sum(numbers(), numbers(ROWS, 50))
    connection.ingest("t", numbers(0, 9), mode="replace")
    assert ask(connection, SUM) == expected_sum(numbers(0, 9))
    connection.drop("t")
    with pytest.raises(QueryError, match="t"):
        connection.sql(SUM)
    connection.ingest("t", numbers(0, 7).select(["word", "n"]))
    assert ask(connection, SUM) == expected_sum(numbers(0, 7))


def test_a_kept_fallback_sees_new_rows(connection: Connection) -> None:
    sql = "select count(random()) from t"
    assert ask(connection, sql, engine="duckdb") == [(ROWS,)]
    connection.ingest("t", numbers(0, 5), mode="replace")
    assert ask(connection, sql, engine="duckdb") == [(5,)]


def test_a_result_outlives_the_table_that_it_came_from(connection: Connection) -> None:
    result = connection.sql("select n, word from t where n < 3 order by n")
    connection.ingest("t", numbers(100, 5), mode="replace")
    assert result.fetchall() == [(0, "even"), (1, "odd"), (2, "even")]


def test_a_connection_sees_what_another_commits(tmp_path: Path) -> None:
    with locality.connect(tmp_path / "s") as writer, locality.connect(tmp_path / "s", read_only=True) as reader:
        writer.ingest("t", numbers())
        assert ask(reader, SUM) == expected_sum(numbers())
        writer.ingest("t", numbers(ROWS, 3), mode="append")
        assert ask(reader, SUM) == ask(writer, SUM) == expected_sum(numbers(), numbers(ROWS, 3))


def test_a_connection_sees_what_another_process_commits(tmp_path: Path) -> None:
    with locality.connect(tmp_path / "s") as connection:
        connection.ingest("t", numbers())
        assert ask(connection, SUM) == expected_sum(numbers())
        code = """
import sys, pyarrow as pa, locality
with locality.connect(sys.argv[1]) as connection:
    row = pa.table({"n": [77], "word": ["seventy"], "half": [38.5], "tens": pa.array([7], pa.int32())})
    connection.ingest("t", row, mode="replace")
    print(connection.sql("select word from t where n = 77").fetchall())
"""
        done = subprocess.run([sys.executable, "-c", code, tmp_path / "s"], capture_output=True, text=True, check=False)
        assert done.stdout == "[('seventy',)]\n", done.stderr
        assert ask(connection, SUM) == [(1, 77, "seventy")]


def test_threads_share_a_connection_while_it_ingests(connection: Connection) -> None:
    """Each answer is that of one of the versions that the table had."""
    allowed = [expected_sum(numbers(0, ROWS + 10 * i)) for i in range(5)]
    stop = threading.Event()

    def look() -> list[Any]:
        seen = []
        while not stop.is_set():
            seen.append(connection.sql(SUM).fetchall())
        return seen

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(look) for _ in range(2)]
        for i in range(4):
            connection.ingest("t", numbers(ROWS + 10 * i, 10), mode="append")
        stop.set()
        for future in futures:
            assert all(answer in allowed for answer in future.result())
    assert ask(connection, SUM) == allowed[-1]
