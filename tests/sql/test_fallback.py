"""DuckDB over the stored tables: what it sees, what it reads, what it refuses, and how it stops."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from locality.errors import ConnectionClosedError, CorruptStoreError, MemoryLimitError, QueryError
from locality.sql.fallback import Fallback
from locality.types import BIGINT, HUGEINT, INTEGER, VARCHAR, DataType, from_arrow, parse
from tests.sql.tables import FLAT, one_zone, rows


class Reads:
    """A source over a table in memory that notes which columns were read and how many batches were taken."""

    def __init__(self, table: pa.Table, name: str = "t", types: tuple[DataType, ...] | None = None) -> None:
        self.table = table
        self.columns: list[list[str]] = []
        self.batches = 0
        types = types or tuple(from_arrow(t) for t in table.schema.types)
        self.source = one_zone(name, types, table, self.to_batches)

    def to_batches(self, columns: Sequence[int], *, zones: object = None) -> Iterator[pa.RecordBatch]:
        self.columns.append([self.table.schema.names[i] for i in columns])
        for batch in self.table.select(columns).to_batches(max_chunksize=1000):
            self.batches += 1
            yield batch


@pytest.fixture
def fallback() -> Iterator[Fallback]:
    made = Fallback(threads=2)
    yield made
    made.close()


def flat() -> Reads:
    return Reads(rows(), types=tuple(dtype for _, dtype in FLAT))


def values(fallback: Fallback, sql: str, params: Any = None) -> list[tuple[Any, ...]]:
    table = fallback.run(sql, params).table
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


# --- answers


def test_rows_names_and_types(fallback: Fallback) -> None:
    fallback.sync([flat().source])
    answer = fallback.run("select a, a as A2, m, s, a from t where s = 'abc'")
    assert answer.names == ("a", "A2", "m", "s", "a")
    assert answer.types == ("INTEGER", "INTEGER", "DECIMAL(15,2)", "VARCHAR", "INTEGER")
    assert [c.to_pylist() for c in answer.table.columns] == [[1], [1], [Decimal("1.50")], ["abc"], [1]]


def test_every_stored_value_comes_back(fallback: Fallback) -> None:
    fallback.sync([flat().source])
    table = fallback.run("select * from t").table
    assert table.schema.types == rows().schema.types
    assert [repr(c.to_pylist()) for c in table.columns] == [repr(c.to_pylist()) for c in rows().columns]


FILTERS = [
    "a > 2",
    "a in (1, 3) or a is null",
    "f >= 1.5",
    "f < 1.5",
    "f = 'nan'",
    "f <> 1.5",
    "s like '%b%'",
    "s > 'b'",
    "m < 0 or bo",
    "d = date '2000-02-29' and a < 0",
    "bl = 'abc'::blob",
    "bl > '\\xFE'::blob",
    "ts > '2000-01-01'",
    "a + b > 2",
    "a is distinct from 1 and b is not null",
]


@pytest.mark.parametrize("where", FILTERS)
def test_pushed_filters_are_exact(where: str, fallback: Fallback) -> None:
    with duckdb.connect() as connection:
        connection.register("arrow", rows())
        connection.execute("create table t as select * from arrow")
        expected = connection.execute(f"select a from t where {where}").fetchall()
    fallback.sync([flat().source])
    assert values(fallback, f"select a from t where {where}") == expected
    assert len(expected) < 8


def test_only_the_columns_asked_for_are_read(fallback: Fallback) -> None:
    reads = flat()
    fallback.sync([reads.source])
    assert values(fallback, "select max(b) from t where a > 1") == [(10,)]
    assert sorted(reads.columns[-1]) == ["a", "b"]
    assert values(fallback, "select count(*) from t") == [(8,)]
    assert len(reads.columns[-1]) == 1


def test_scans_stream(fallback: Fallback) -> None:
    reads = Reads(pa.table({"n": pa.array(range(2_000_000), pa.int64())}))
    fallback.sync([reads.source])
    assert values(fallback, "select n from t limit 1") == [(0,)]
    assert reads.batches < 2000
    assert values(fallback, "select count(*), sum(n) from t where n % 2 = 0") == [(1_000_000, 999_999_000_000)]


def test_declared_types_are_seen(fallback: Fallback) -> None:
    table = pa.table(
        {
            "h": pa.array([Decimal(10**30)], pa.decimal128(38, 0)),
            "u": ["00000000-0000-0000-0000-000000000001"],
            "tz": pa.array([0], pa.timestamp("us", "UTC")),
            "li": [[1, 2]],
        }
    )
    types = (HUGEINT, DataType("UUID"), parse("TIMESTAMP WITH TIME ZONE"), DataType("list<item: int64>"))
    fallback.sync([Reads(table, types=types).source])
    assert fallback.run("select * from t").types == ("HUGEINT", "UUID", "TIMESTAMP WITH TIME ZONE", "BIGINT[]")
    assert values(fallback, "select h * 2, u > '00000000-0000-0000-0000-000000000000', li[2], epoch_us(tz) from t") == [
        (Decimal(2 * 10**30), True, 2, 0)
    ]


def test_joins_windows_and_parameters(fallback: Fallback) -> None:
    other = Reads(pa.table({"a": pa.array([1, 2], pa.int32()), "name": ["one", "two"]}), "Names")
    fallback.sync([flat().source, other.source])
    sql = "select name, row_number() over (order by name desc) from t join names using (a) where a < $limit"
    assert values(fallback, sql, {"limit": 9}) == [("two", 1), ("one", 2)]
    assert values(fallback, "select ?, count(*) from NAMES where name = ?", ["x'", "one"]) == [("x'", 1)]


@pytest.mark.parametrize("name", ['quo"te', "a.b", "main.t", "select", "semi;colon --", "Ünï"])
def test_hostile_names(name: str, fallback: Fallback) -> None:
    table = pa.table({name: pa.array([1], pa.int32()), "h": pa.array([Decimal(2)], pa.decimal128(38, 0))})
    fallback.sync([Reads(table, name, (INTEGER, HUGEINT)).source])
    quoted = '"' + name.replace('"', '""') + '"'
    assert values(fallback, f"select {quoted}, h from {quoted} where {quoted} = 1") == [(1, Decimal(2))]


def test_sync_replaces_and_removes(fallback: Fallback) -> None:
    first = Reads(pa.table({"x": pa.array([1], pa.int32())}))
    fallback.sync([first.source, replace(first.source, name="u")])
    fallback.sync([Reads(pa.table({"x": ["new"]})).source])
    assert values(fallback, "select x from t") == [("new",)]
    with pytest.raises(QueryError, match="u does not exist"):
        fallback.run("select * from u")


def test_a_removed_source_is_let_go(fallback: Fallback) -> None:
    gone = threading.Event()

    class Noticed(Reads):
        def __del__(self) -> None:
            gone.set()

    fallback.sync([Noticed(pa.table({"x": [1]})).source])
    values(fallback, "select * from t")
    fallback.sync([])
    gc.collect()
    assert gone.is_set()


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        ("show tables", "t"),
        ("describe t", "a"),
        ("summarize select a, s from t", "a"),
        ("explain select a from t", "physical_plan"),
        ("pragma table_info('t')", 0),
        ("values (1)", 1),
        ("select 1; select 2", 2),
        ("pivot (select a, s from t where a = 1) on s using count(*)", 1),
        ("with recursive c(n) as (select 1 union all select n + 1 from c where n < 3) select max(n) from c", 3),
    ],
)
def test_other_statements_run(sql: str, first: Any, fallback: Fallback) -> None:
    fallback.sync([flat().source])
    assert values(fallback, sql)[0][0] == first


# --- what it refuses


@pytest.mark.parametrize(
    "sql",
    [
        "insert into t values (1)",
        "update t set a = 1",
        "delete from t",
        "truncate t",
        "create table x (a int)",
        "create view v as select 1",
        "create macro f(x) as x",
        "drop view t",
        "alter table t add column y int",
        "merge into t using t u on t.a = u.a when matched then delete",
        "begin",
        "attach ':memory:' as other",
        "with x as (select 1) insert into t select * from x",
        "select 1; drop view t",
    ],
)
def test_writing_is_refused_with_the_reason(sql: str, fallback: Fallback) -> None:
    fallback.sync([flat().source])
    with pytest.raises(QueryError, match="a store holds tables only|a commit of its own"):
        fallback.run(sql)
    assert values(fallback, "select count(*) from t") == [(8,)]


@pytest.mark.parametrize("sql", ["install httpfs", "load httpfs", "force install spatial"])
def test_extensions_are_refused(sql: str, fallback: Fallback) -> None:
    with pytest.raises(QueryError, match="network"):
        fallback.run(sql)


def test_the_network_is_not_reached(fallback: Fallback) -> None:
    for url in ("https://example.invalid/x.parquet", "s3://bucket/x.parquet"):
        with pytest.raises(QueryError):
            fallback.run(f"select * from '{url}'")


def test_local_files_can_be_read_and_written(fallback: Fallback, tmp_path: Path) -> None:
    path = str(tmp_path / "it's.csv").replace("'", "''")
    fallback.sync([flat().source])
    fallback.run(f"copy (select a, s from t where a = 1) to '{path}' (header)")
    assert values(fallback, f"select * from '{path}'") == [(1, "abc")]


def test_python_variables_are_not_tables(fallback: Fallback) -> None:
    local_frame = pa.table({"x": [1]})
    with pytest.raises(QueryError, match="does not exist"):
        fallback.run("select * from local_frame")
    assert local_frame.num_rows == 1


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("", "empty"),
        ("select a+ from t", "syntax error"),
        ("select nosuch from t", "nosuch"),
        ("select * from nosuch", "nosuch does not exist"),
        ("select s::int from t", "Could not convert"),
        ("select (a + 1)::int + 2147483647 from t where a > 0", "Overflow"),
        ("select ? from t", "not provided|Unexpected prepared parameter"),
    ],
)
def test_errors_in_duckdbs_words(sql: str, message: str, fallback: Fallback) -> None:
    fallback.sync([flat().source])
    with pytest.raises(QueryError, match=message):
        fallback.run(sql)


def test_an_error_in_a_scan_is_itself(fallback: Fallback) -> None:
    def damaged(columns: Sequence[int], *, zones: object = None) -> Iterator[pa.RecordBatch]:
        yield from rows().select(columns).to_batches()
        raise CorruptStoreError("segment 3 of t is damaged")

    fallback.sync([replace(flat().source, to_batches=damaged)])
    with pytest.raises(CorruptStoreError, match="segment 3 of t"):
        fallback.run("select sum(a) from t")
    assert values(fallback, "select 1") == [(1,)]


def test_the_memory_limit_is_an_error_of_its_own() -> None:
    fallback = Fallback(threads=1, memory_limit=30_000_000)
    fallback.sync([Reads(pa.table({"n": pa.array(range(10), pa.int64())})).source])
    with pytest.raises(MemoryLimitError):
        fallback.run("select count(*) from (select distinct r.range * 7 from range(5000000) r, t)")
    fallback.close()


def test_a_closed_fallback_says_so(fallback: Fallback) -> None:
    fallback.close()
    fallback.close()
    with pytest.raises(ConnectionClosedError):
        fallback.run("select 1")


# --- the session


def test_changed_settings_are_noticed(fallback: Fallback) -> None:
    assert fallback.changed_settings == {}
    fallback.run("set threads = 1")
    fallback.run("set variable x = 1")
    assert fallback.changed_settings == {}
    fallback.run("set timezone = 'Asia/Tokyo'; set default_null_order = 'nulls_first'")
    assert fallback.changed_settings["TimeZone"] == "Asia/Tokyo"
    assert fallback.changed_settings["default_null_order"] == "NULLS_FIRST"
    fallback.run("reset timezone; reset default_null_order")
    assert fallback.changed_settings == {}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of one's own process differ there")
def test_control_c_stops_a_long_query(fallback: Fallback) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a process in the background ignores
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    started = time.monotonic()
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fallback.run("select count(*) from range(1000000) a, range(1000000) b where a.range + b.range = 7")
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - started < 60
    assert values(fallback, "select 1") == [(1,)]


def test_threads_share_a_fallback(fallback: Fallback) -> None:
    fallback.sync([Reads(pa.table({"n": pa.array(range(5000), pa.int64())}), types=(BIGINT,)).source])

    def work(number: int) -> list[Any]:
        return [values(fallback, "select count(*) from t where n < ?", [number * 100 + i]) for i in range(10)]

    with ThreadPoolExecutor(4) as pool:
        for number, counts in enumerate(pool.map(work, range(6))):
            assert counts == [[(number * 100 + i,)] for i in range(10)]


def test_text_stays_text(fallback: Fallback) -> None:
    table = pa.table({"s": pa.array(["x", None]).dictionary_encode()})
    plain = pa.table({"s": table.column("s").cast(pa.string())})
    fallback.sync([Reads(plain, types=(VARCHAR,)).source])
    assert fallback.run("select s, s || 'y' from t").table.schema.types == [pa.string(), pa.string()]


@pytest.mark.parametrize(
    ("join", "chosen"),
    [("asof join t b on a.i = b.i and a.i >= b.i", "asof join"), ("join t b on a.i < b.i", "piecewise merge join")],
)
def test_joins_are_those_for_many_rows(fallback: Fallback, join: str, chosen: str) -> None:
    fallback.sync([Reads(pa.table({"i": [1, 2, 3]})).source])
    plan = values(fallback, f"explain select count(*) from t a {join}")[0][1].lower().replace("_", " ")
    assert chosen in plan
    assert "nested loop" not in plan
