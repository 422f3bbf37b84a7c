"""Ctrl-C while a query runs."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

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
