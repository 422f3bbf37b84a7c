"""Threads, fallback, the memory limit and read-only connections."""

from __future__ import annotations

from pathlib import Path

import duckdb
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
from tests.versions import IS_2


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
    reason = connection.sql("select count(random()) from t").profile.reason
    assert reason
    connection.settings.fallback = False
    with pytest.raises(QueryError, match="random"):
        connection.sql("select count(random()) from t")
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


def test_settings_that_plans_say_in_full_are_followed() -> None:
    table = pa.table(
        {"n": pa.array([2, None, 7], pa.int32()), "moment": pa.array([0, 1, None], pa.timestamp("us", "UTC"))}
    )
    asked = (
        "select n from t order by n",
        "select n / 2, cast(n as varchar) from t order by all",
        "select n, moment from t where moment < timestamptz '1970-01-01 09:00:00' order by moment",
    )
    changes = ["default_null_order = 'nulls_first'", "default_order = 'desc'"]
    if IS_2:  # plans of DuckDB 1.5 don't follow it
        changes.append("integer_division = true")
    with locality.connect() as connection:
        connection.ingest("t", table)
        oracle = duckdb.connect()
        oracle.register("t", table)
        for change in (*changes, "timezone = 'Asia/Tokyo'"):
            connection.sql(f"set {change}")
            oracle.execute(f"set {change}")
            for sql in asked:
                result, wanted = connection.sql(sql), oracle.sql(sql)
                assert result.profile.engine == "locality", result.profile.reason
                assert result.to_arrow_table().equals(wanted.to_arrow_table())
                assert list(result.types) == list(map(str, wanted.types))
        connection.sql("reset timezone; reset default_null_order; reset default_order; reset integer_division")
        assert connection.sql("select n / 2 from t where n = 7").fetchall() == [(3.5,)]


def test_other_settings_leave_queries_to_duckdb(connection: Connection) -> None:
    connection.sql("set default_collation = 'nocase'")
    result = connection.sql("select count(*) from t")
    assert result.profile.reason == "setting default_collation was changed, which may change answers"
    connection.sql("reset default_collation")
    assert connection.sql("select count(*) from t").profile.engine == "locality"


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("threads", 0, ValueError, "at least 1"),
        ("memory_limit", "lots", ValueError, "'2GB'"),
        ("memory_limit", -1, ValueError, "'2GB'"),
        ("memory_limt", 1, AttributeError, "memory_limit"),
    ],
)
def test_a_setting_that_is_none_is_an_error(name: str, value: object, error: type[Exception], message: str) -> None:
    with locality.connect() as connection, pytest.raises(error, match=message):
        setattr(connection.settings, name, value)


def test_settings_are_taken_in_the_forms_that_people_write() -> None:
    with locality.connect(memory_limit="10kB") as connection:
        assert connection.settings.memory_bytes == 10_000
        connection.ingest("t", numbers())
        with pytest.raises(MemoryLimitError, match="10,000"):
            connection.sql("select n, half from t")
        connection.settings.memory_limit = "1GiB"
        assert len(connection.sql("select n, half from t")) == ROWS
        setattr(connection.settings, "disabled_optimizers", ["top_n"])  # noqa: B010
        assert connection.sql("select n from t order by n limit 1").fetchall() == [(0,)]
