"""Ctrl-C, or a call from another thread, while a query runs."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from locality.connection import Connection
from locality.errors import InterruptError
from tests.connection.numbers import ROWS, SUM, ask

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


@pytest.mark.parametrize(
    "sql",
    [
        SUM,
        "select sum(random()) from range(1_000_000) a, range(1_000_000)",
    ],
    ids=["own operators", "fallback"],
)
def test_another_thread_interrupts_a_query(sql: str, connection: Connection) -> None:
    assert connection.explain(sql).engine == ("locality" if sql == SUM else "duckdb")
    stop = threading.Event()

    def interrupt() -> None:
        while not stop.wait(0.05):
            connection.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(InterruptError):
            while True:
                connection.sql(sql)
    finally:
        stop.set()
        thread.join()
    assert ask(connection, "select count(*) from t") == [(ROWS,)]


def test_an_interrupt_without_a_query_does_nothing(connection: Connection) -> None:
    connection.interrupt()
    assert ask(connection, "select count(*) from t") == [(ROWS,)]
    connection.sql("select approx_quantile(n, 0.5) from t where n < 3")
    connection.interrupt()
    assert connection.sql("select approx_quantile(n, 0.5) from t where n < 3").fetchall() == [(1,)]
