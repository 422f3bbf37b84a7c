"""TPC-H's 22 queries at a scale of your choice: equal answers, hot times and peak memory beside DuckDB's, as a table.

``python -m tests.tpch.scale --scale 10`` makes the data, a store and a database of it once, then asks every query in a
process of its own for each engine, both with the same threads. Memory is what Linux counts for that process: private
(anonymous) pages, and beside them pages of mapped files, which the system can drop at any time. The exit status is 1 if
an answer differs or Locality did not give it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.ipc as ipc

import locality
from locality._suites.datasets.cache import data_directory
from locality._suites.datasets.tpch import TABLES, ensure_tables
from tests.properties.oracle import compare
from tests.tpch.standard import QUERIES

ENGINES = ("locality", "duckdb")
#: Seconds between two looks at a process's memory.
_INTERVAL = 0.003


@dataclass(frozen=True)
class Measured:
    """One query in a process of its own: who answered, hot seconds, and peak bytes of private and of file pages."""

    engine: str
    seconds: float
    private: int
    mapped: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.tpch.scale", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="TPC-H scale factor (default 1)")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of a query (default 5)")
    parser.add_argument("--threads", type=int, default=2, help="threads of both engines (default 2)")
    parser.add_argument("--queries", default="", help="which of them, such as 1,6,18 (default all)")
    parser.add_argument("--store", type=Path, help="where the store is, or is made")
    parser.add_argument("--database", type=Path, help="where DuckDB's database is, or is made")
    parser.add_argument("--child", nargs=3, metavar=("ENGINE", "QUERY", "ANSWER"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    home = data_directory() / "tpch" / f"sf{options.scale:g}"
    store, database = options.store or home / "store.locality", options.database or home / "tables.duckdb"
    if options.child:
        engine, query, answer = options.child
        path = {"locality": store, "duckdb": database}[engine]
        print(json.dumps(asdict(_ask(engine, path, QUERIES[query], options.runs, options.threads, Path(answer)))))
        return 0
    load(options.scale, store, database)
    wanted = [f"q{int(number):02}" for number in options.queries.split(",") if number] or list(QUERIES)
    base = [f"--runs={options.runs}", f"--threads={options.threads}", f"--store={store}", f"--database={database}"]
    print(
        f"{'query':<6}{'locality':>11}{'duckdb':>11}{'ratio':>8}{'private MB':>15}{'files MB':>13}  answer", flush=True
    )
    failed = False
    for query in wanted:
        verdict = _row(query, base)
        failed |= verdict != "equal"
    return int(failed)


def _row(query: str, base: Sequence[str]) -> str:
    """Measures a query with both engines and prints its row; returns what is to be said of the answer."""
    with TemporaryDirectory() as scratch:
        files = {engine: Path(scratch) / engine for engine in ENGINES}
        ours, theirs = (_in_process(base, engine, query, files[engine]) for engine in ENGINES)
        verdict = "equal" if ours.engine == "locality" else f"answered by {ours.engine}"
        if verdict == "equal":
            verdict = compare(*(ipc.open_file(files[engine]).read_all() for engine in ENGINES), False) or verdict
    memory = [
        f"{a / 1e6:.0f} / {b / 1e6:.0f}" for a, b in ((ours.private, theirs.private), (ours.mapped, theirs.mapped))
    ]
    print(
        f"{query:<6}{ours.seconds * 1e3:>8.1f} ms{theirs.seconds * 1e3:>8.1f} ms{theirs.seconds / ours.seconds:>7.2f}x"
        f"{memory[0]:>15}{memory[1]:>13}  {verdict}",
        flush=True,
    )
    return verdict


def load(scale: float, store: Path, database: Path) -> None:
    """Makes the store and the database of the tables' files, in the files' order, where they are not there yet."""
    if store.exists() and database.exists():
        return
    files = ensure_tables(scale)
    if not store.exists():
        with locality.connect(store) as con:
            for table in TABLES:
                con.ingest(table, files[table])
    if not database.exists():
        with duckdb.connect(database) as con:
            for table in TABLES:
                con.execute(f"create table {table} as from read_parquet(?)", [str(files[table])])


def _ask(engine: str, path: Path, sql: str, runs: int, threads: int, answer: Path) -> Measured:
    """Asks once for the answer, which is written to a file, then for the times."""
    with _ENGINES[engine](path, threads) as ask:
        by, table = ask(sql)
        with ipc.new_file(answer, table.schema) as file:
            file.write_table(table)
        seconds = []
        for _ in range(runs):
            started = time.perf_counter()
            ask(sql)
            seconds.append(time.perf_counter() - started)
    return Measured(by, median(seconds), 0, 0)


Ask = Callable[[str], tuple[str, pa.Table]]


@contextmanager
def _locality(path: Path, threads: int) -> Iterator[Ask]:
    with locality.connect(path, read_only=True, threads=threads) as con:

        def ask(sql: str) -> tuple[str, pa.Table]:
            result = con.sql(sql)
            return result.profile.engine, result.to_arrow_table()

        yield ask


@contextmanager
def _duckdb(path: Path, threads: int) -> Iterator[Ask]:
    with duckdb.connect(path, read_only=True, config={"threads": threads}) as con:
        yield lambda sql: ("duckdb", con.sql(sql).to_arrow_table())


_ENGINES: Mapping[str, Any] = {"locality": _locality, "duckdb": _duckdb}


def _in_process(base: Sequence[str], engine: str, query: str, answer: Path) -> Measured:
    """Asks in a new process, whose memory is looked at from here until it ends."""
    command = [sys.executable, "-m", "tests.tpch.scale", *base, "--child", engine, query, str(answer)]
    peaks = {"RssAnon": 0, "RssFile": 0}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        while process.poll() is None:
            for name, size in _resident(process.pid):
                peaks[name] = max(peaks[name], size)
            time.sleep(_INTERVAL)
        assert process.stdout is not None
        said = process.stdout.read()
    if process.returncode:
        raise RuntimeError(f"{engine} did not answer {query}: exit status {process.returncode}")
    measured = Measured(**json.loads(said))
    return Measured(measured.engine, measured.seconds, peaks["RssAnon"], peaks["RssFile"])


def _resident(pid: int) -> Iterator[tuple[str, int]]:
    """Bytes of private and of file pages that a process holds; nothing where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name in ("RssAnon", "RssFile"):
            yield name, 1024 * int(value.split()[0])


if __name__ == "__main__":
    sys.exit(main())
