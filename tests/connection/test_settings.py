"""Threads, fallback, the memory limit and read-only connections."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import locality
from locality.connection import Connection
from locality.errors import (
    MemoryLimitError,
    QueryError,
    StoreError,
)
from tests.connection.numbers import ROWS, ask, in_duckdb, numbers


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_number_of_threads_changes_no_answer(threads: int) -> None:
    table = pa.concat_tables([numbers(0, 300_000), numbers(5, 300_000)])
    queries = (
        ("select count(*), sum(n), avg(half), min(word) from t where n > 1000", False),
        ("select word, sum(n), avg(half), count(*) from t group by word", False),
        ("select n, half from t where n % 1000 = 7", False),
        ("select n, word from t order by half desc, n limit 20", True),
        ("select tens, sum(half) from t group by tens", False),
    )
    with locality.connect(threads=threads) as connection:
        connection.ingest("t", table)
        for sql, is_ordered in queries:
            result = connection.sql(sql)
            assert result.profile.engine == "locality", result.profile.reason
            assert result.profile.threads == threads
            wanted = in_duckdb(table, sql)
            rows = result.fetchall()
            assert rows == wanted if is_ordered else sorted(rows) == sorted(wanted)


def test_without_fallback_a_query_for_duckdb_is_an_error_with_the_reason(connection: Connection) -> None:
    reason = connection.sql("select len(list(n)) from t").profile.reason
    assert reason
    connection.settings.fallback = False
    with pytest.raises(QueryError, match="list"):
        connection.sql("select len(list(n)) from t")
    assert ask(connection, "select count(*) from t") == [(ROWS,)]


@pytest.mark.parametrize(
    "sql",
    [
        "select n, half, n + 1 from t where n % 2 = 0",
        "select tens, sum(n) from t group by tens",
        "select n from t order by half desc, n",
        "select n, half from t",
    ],
)
def test_a_query_past_the_memory_limit_is_an_error(sql: str) -> None:
    with locality.connect(memory_limit=10_000) as connection:
        connection.ingest("t", numbers())
        with pytest.raises(MemoryLimitError, match="10,000"):
            connection.sql(sql)
        assert ask(connection, "select count(*), max(n) from t") == [(ROWS, ROWS - 1)]


def test_the_memory_limit_holds_for_one_query_not_for_all_together() -> None:
    with locality.connect(memory_limit=2_000_000) as connection:
        connection.ingest("t", numbers())
        for _ in range(20):
            assert len(ask(connection, "select n from t where n % 2 = 0")) == ROWS / 2


def test_a_read_only_connection_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        locality.connect(tmp_path / "missing", read_only=True)
    assert not (tmp_path / "missing").exists()
    with locality.connect(tmp_path / "s") as connection:
        connection.ingest("t", numbers())
    before = _files(tmp_path)
    with locality.connect(tmp_path / "s", read_only=True) as connection:
        for write in (lambda: connection.ingest("u", numbers()), lambda: connection.drop("t")):
            with pytest.raises(StoreError, match="read-only"):
                write()
        assert ask(connection, "select count(*) from t") == [(ROWS,)]
    assert _files(tmp_path) == before


def _files(directory: Path) -> dict[Path, int]:
    return {
        path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file() and "lock" not in path.name
    }
