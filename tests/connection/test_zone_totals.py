"""Aggregates answered from the statistics of zones: DuckDB's answers, and no zone read all of whose rows count."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import locality
from locality.connection import Connection
from locality.storage.zones import ZONE_ROWS

ROWS = 3 * ZONE_ROWS + 4321
_AGGREGATES = (
    "count(*)",
    *(f"count({c})" for c in ("number", "price", "word", "runs", "real")),
    *(f"sum({c})" for c in ("number", "price", "runs", "wide", "same", "never")),
    *(f"avg({c})" for c in ("number", "price", "same")),
    *(f"{f}({c})" for f in ("min", "max") for c in ("key", "number", "price", "word", "runs", "real", "day", "flag")),
)
_FILTERS = (
    "key between {0} and {1}",
    "key >= {0}",
    "key <> {0}",
    "day < date '2020-01-01' + {0}",
    "number is not null",
    "runs in (0, 2, 3)",
    "word <> 'b'",
    "real < 1e300",
    "gap is null",
)


def table(seed: int, first: int, words: str) -> pa.Table:
    """Rows that follow ``key``; ``gap`` has a zone of NULLs."""
    rng = np.random.default_rng(seed)
    key = first + np.arange(ROWS) // 100
    gap = np.arange(ROWS) // ZONE_ROWS == 1
    return pa.table(
        {
            "key": key,
            "day": pa.array((18262 + key).astype("int32")).cast(pa.date32()),
            "number": pa.array(rng.integers(-50, 1000, ROWS), mask=rng.random(ROWS) < 0.1),
            "price": pa.array(rng.integers(-(10**9), 10**9, ROWS) * 5)
            .cast(pa.decimal128(19, 0))
            .cast(pa.decimal128(21, 2)),
            "word": pa.array(rng.choice(list(words), ROWS), mask=gap),
            "runs": np.arange(ROWS) // (ROWS // 5) - 2,
            "wide": rng.integers(2**45, 2**46, ROWS),
            "real": pa.array(rng.choice([-0.0, 0.0, 1.5, np.inf, -np.inf, np.nan, -7.25], ROWS), mask=gap),
            "flag": rng.random(ROWS) < 0.5,
            "same": pa.array([7] * ROWS, pa.int16()),
            "never": pa.array([None] * ROWS, pa.int32()),
            "gap": pa.array(rng.integers(0, 9, ROWS), mask=gap),
        }
    )


@pytest.fixture(scope="module")
def engines() -> Iterator[tuple[Connection, duckdb.DuckDBPyConnection]]:
    """The same rows here, in two segments of their own encodings and some of them deleted, and there."""
    first, second = table(0, 0, "abc"), table(1, 1500, "bxyz")
    with locality.connect() as con, duckdb.connect() as oracle:
        con.ingest("t", first)
        con.ingest("t", second, mode="append")
        oracle.execute("create table t as select * from first union all select * from second")
        con.sql("delete from t where key between 2900 and 2910")
        oracle.execute("delete from t where key between 2900 and 2910")
        yield con, oracle


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_answers_are_those_of_duckdb(
    data: st.DataObject, engines: tuple[Connection, duckdb.DuckDBPyConnection]
) -> None:
    con, oracle = engines
    calls = data.draw(st.lists(st.sampled_from(_AGGREGATES), min_size=1, max_size=6, unique=True))
    filters = data.draw(st.lists(st.sampled_from(_FILTERS), max_size=2, unique=True))
    low, high = sorted(data.draw(st.tuples(st.integers(-5, 4000), st.integers(-5, 4000))))
    where = " where " + " and ".join(f.format(low, high) for f in filters) if filters else ""
    sql = f"select {', '.join(calls)} from t{where}"
    answer, expected = con.sql(sql), oracle.sql(sql)
    assert answer.profile.engine == "locality", answer.profile.reason
    assert [str(t) for t in answer.types] == [str(t) for t in expected.types]
    assert repr(answer.fetchall()).replace("-0.0", "0.0") == repr(expected.fetchall()).replace("-0.0", "0.0")


def answered(con: Connection, sql: str) -> tuple[int, int]:
    """How many zones were answered by statistics, and how many read."""
    result = con.sql(sql)
    assert result.profile.engine == "locality"
    operators = result.profile.operators
    return sum(o.zones_answered for o in operators), sum(o.zones_read for o in operators)


def test_zones_of_which_all_rows_count_are_not_read(
    engines: tuple[Connection, duckdb.DuckDBPyConnection],
) -> None:
    con, _ = engines
    assert answered(con, "select min(price), max(word), sum(number), avg(price), count(*) from t") == (7, 1)
    assert answered(con, "select sum(number) from t where key between 100 and 1900") == (1, 3)
    assert answered(con, "select sum(number + 1) from t")[0] == 0
    assert answered(con, "select sum(number) filter (where number > 5) from t")[0] == 0
    explained = str(con.explain("select sum(number) from t where key < 2000", analyze=True))
    assert "answered by their statistics" in explained
    con.settings.disabled_optimizers = frozenset({"zone_totals"})
    assert answered(con, "select sum(number) from t where key < 2000")[0] == 0
    con.settings.disabled_optimizers = frozenset()
