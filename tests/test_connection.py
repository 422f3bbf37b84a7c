"""The connection: parameters, kept plans over new data, threads, settings, errors, interrupts and closing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.connection import Connection
from locality.errors import (
    CatalogError,
    ConnectionClosedError,
    CorruptStoreError,
    MemoryLimitError,
    QueryError,
    StoreError,
)

ROWS = 20_000


def numbers(start: int = 0, rows: int = ROWS) -> pa.Table:
    """``n`` counts up from ``start``; the others follow from it."""
    n = np.arange(start, start + rows)
    words = pa.array(np.array(["even", "odd"])[n % 2])
    return pa.table({"n": n, "word": words, "half": n / 2, "tens": (n // 10).astype(np.int32)})


@pytest.fixture
def connection() -> Iterator[Connection]:
    with locality.connect() as made:
        made.ingest("t", numbers())
        yield made


def ask(connection: Connection, sql: str, params: Any = None, engine: str = "locality") -> list[tuple[Any, ...]]:
    result = connection.sql(sql, params)
    assert result.profile.engine == engine, result.profile.reason
    return result.fetchall()


def in_duckdb(table: pa.Table, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.register("t", table)
        return connection.execute(sql).fetchall()


# --- parameters


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


# --- plans that are kept, and data that changes


SUM = "select count(*), sum(n), max(word) from t where n >= 5"


def expected_sum(*tables: pa.Table) -> list[tuple[Any, ...]]:
    return in_duckdb(pa.concat_tables(tables), SUM)


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
    sql = "select median(n) from t"
    assert ask(connection, sql, engine="duckdb") == [((ROWS - 1) / 2,)]
    connection.ingest("t", numbers(0, 5), mode="replace")
    assert ask(connection, sql, engine="duckdb") == [(2.0,)]


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


# --- settings


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
    reason = connection.sql("select median(n) from t").profile.reason
    assert reason
    connection.settings.fallback = False
    with pytest.raises(QueryError, match="median"):
        connection.sql("select median(n) from t")
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


# --- errors


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


# --- what the store holds


def test_tables_come_and_go(connection: Connection) -> None:
    connection.ingest("Other", numbers(0, 3))
    assert sorted(connection.tables()) == ["Other", "t"]
    assert ask(connection, "select count(*) from other") == [(3,)]
    with pytest.raises(CatalogError, match="Other"):
        connection.ingest("other", numbers())
    connection.drop("Other")
    assert connection.tables() == ["t"]
    with pytest.raises(CatalogError, match="Other"):
        connection.drop("Other")
    with pytest.raises(CatalogError, match="nothing"):
        connection.ingest("nothing", numbers(), mode="append")


def test_info_and_verify_describe_the_store(tmp_path: Path) -> None:
    with locality.connect(tmp_path / "s") as connection:
        connection.ingest("t", numbers(), primary_key="n")
        text = str(connection.info())
        assert f"{ROWS:,} rows" in text
        assert all(name in text for name in ("t", "n", "word", "half", "tens"))
        connection.verify()
        largest = max((tmp_path / "s" / "segments").rglob("*"), key=lambda path: path.stat().st_size)
        damaged = bytearray(largest.read_bytes())
        damaged[len(damaged) // 2] ^= 0xFF
        largest.write_bytes(damaged)
        with pytest.raises(CorruptStoreError, match=largest.name):
            connection.verify()


def test_explain_names_the_engine_and_counts_bytes(connection: Connection) -> None:
    sql = "select word, count(*) from t where n < 100 group by word"
    plain = connection.explain(sql)
    assert "engine: locality" in str(plain)
    assert plain.profile is None
    analyzed = connection.explain(sql, analyze=True)
    assert analyzed.profile is not None
    assert 0 < analyzed.profile.bytes_minimum <= analyzed.profile.bytes_moved < analyzed.profile.bytes_naive
    fallback = connection.explain("select median(n) from t")
    assert "engine: duckdb" in str(fallback)
    assert "median" in str(fallback)


def test_a_temporary_store_is_removed_at_close() -> None:
    connection = locality.connect()
    connection.ingest("t", numbers())
    temporary = connection._temporary
    assert temporary is not None
    assert Path(temporary.name).exists()
    connection.close()
    assert not Path(temporary.name).exists()


def test_a_temporary_store_that_nobody_closes_is_removed_in_the_end(tmp_path: Path) -> None:
    code = "import locality; locality.connect()"
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path), "TMP": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_the_users_stays_at_close(tmp_path: Path) -> None:
    with locality.connect(tmp_path / "s") as connection:
        connection.ingest("t", numbers())
    with locality.connect(tmp_path / "s") as connection:
        assert ask(connection, SUM) == expected_sum(numbers())


# --- interrupts

_INTERRUPTED = """
import sys, pyarrow as pa, numpy as np, locality
n = np.arange(400_000)
with locality.connect(threads=2) as connection:
    connection.ingest("t", pa.table({"n": n, "m": n % 1000}))
    sql = sys.argv[1]
    connection.sql("select sum(n) from t")
    print("ready", flush=True)
    try:
        while True:
            connection.sql(sql)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    result = connection.sql("select count(*), sum(n) from t")
    print(result.profile.engine, result.fetchall(), flush=True)
"""


@pytest.mark.parametrize(
    "sql",
    ["select m, sum(n), avg(n) from t where n > 5 group by m", "select count(*) from t a, t b where a.n + b.n = 77"],
    ids=["own operators", "fallback"],
)
def test_an_interrupt_ends_a_query_and_leaves_the_connection_usable(sql: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTED, sql], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert out == f"interrupted\nlocality [(400000, {sum(range(400_000))})]\n", err
    assert process.returncode == 0, err
