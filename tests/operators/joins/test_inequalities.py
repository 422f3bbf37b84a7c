"""Joins by inequalities: sorted rather than by trying all pairs, against DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from unittest.mock import patch

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import locality
from locality.operators.joins import pairs
from tests.kernel.both import both
from tests.properties.interpreted import interpreted_kernels

Both = tuple[locality.Connection, duckdb.DuckDBPyConnection]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12), st.permutations(range(6)))
def test_late_rows_among_the_early_ones(left: list[tuple[int, int]], places: list[int]) -> None:
    left = sorted(left)
    expected = [sorted(place for place in places[:end] if place >= low) for end, low in left]
    counts = [len(found) for found in expected]
    ends, lows = (
        (np.array(column, np.int64) for column in zip(*left, strict=True)) if left else (np.zeros(0, np.int64),) * 2
    )
    starts = np.cumsum(counts, dtype=np.int64) - counts if left else np.zeros(0, np.int64)
    for count_late, write_late in zip(both("count_late"), both("write_late"), strict=True):
        found, tree, given_places = np.zeros(len(left), np.int64), np.zeros(7, np.int64), np.array(places, np.int64)
        assert count_late(ends, lows, given_places, tree, found) == sum(counts)
        assert found.tolist() == counts
        out, rows = np.zeros(sum(counts), np.int64), np.arange(6) * 10
        before, after = np.zeros((2, 7), np.int64)
        assert write_late(ends, lows, given_places, before, after, starts, rows, out) == sum(counts)
        got = [sorted((out[start : start + n] // 10).tolist()) for start, n in zip(starts, counts, strict=True)]
        assert got == expected


def test_more_pairs_than_could_be_tried() -> None:
    rows = 70_000
    with locality.connect() as connection, duckdb.connect() as oracle:
        oracle.execute(f"create table t as select i, (i * 7919) % {rows} as s, i % 3 as k from range({rows}) r(i)")
        connection.ingest("t", oracle.sql("from t"))
        near = "with b as materialized (select i, k, s + d as s from t, (values (-2), (-1), (0), (1)) v(d))"
        for keys, names in (("", "s"), ("a.k = b.k and", "s, k")):
            result = connection.sql(
                f"select count(*), sum(b.i) from t b join t a on {keys} a.s between b.s - 2 and b.s + 1"
            )
            expected = oracle.sql(f"{near} select count(*), sum(b.i) from b join t a using ({names})")
            assert result.fetchall() == expected.fetchall()
            assert result.profile.engine == "locality"


@pytest.fixture(scope="module")
def connections() -> Iterator[Both]:
    rng = np.random.default_rng(3)
    with locality.connect() as connection, duckdb.connect() as oracle, interpreted_kernels():
        for name, rows in (("a", 40), ("b", 30)):
            table = pa.table(
                {
                    "id": range(rows),
                    "k": pa.array(rng.integers(0, 4, rows), mask=rng.random(rows) < 0.1),
                    "x": pa.array(rng.integers(-9, 9, rows), mask=rng.random(rows) < 0.1),
                    "y": pa.array(rng.integers(-9, 9, rows), pa.int32(), mask=rng.random(rows) < 0.1),
                    "d": rng.choice([-0.0, 0.0, 1.5, np.nan, np.inf, -np.inf], rows),
                    "u": pa.array(rng.choice(np.array([0, 1, 2**63, 2**64 - 1], np.uint64), rows)),
                }
            )
            connection.ingest(name, table)
            oracle.from_arrow(table).create(name)
        yield connection, oracle


CONDITIONS = [
    "a.x >= b.x",
    "a.x between b.x and b.y",
    "a.x < b.y and b.x < a.y",
    "a.x + 1 > b.x and a.y <= b.y - 2 and a.id <> b.id",
    "a.d < b.d and a.x <= b.x",
    "a.u > b.u and b.d >= a.d",
    "a.k = b.k and b.x > a.x and a.y >= b.y and a.d <= b.d",
    "a.k is not distinct from b.k and a.x < b.x",
    "a.k = b.k and a.x <> b.x and a.d <> b.d",
    "a.x <> b.x and a.k + b.k > 3",
]


KINDS = list(product(CONDITIONS, ["join", "left join", "full join", "semi join", "anti join"]))


@pytest.mark.parametrize(("condition", "kind"), KINDS)
def test_as_duckdb(connections: Both, condition: str, kind: str) -> None:
    columns = "a.id" if kind in ("semi join", "anti join") else "a.id, b.id"
    sql = f"select {columns} from a {kind} b on {condition} order by all"
    connection, oracle = connections
    expected = oracle.sql(sql).fetchall()
    for worth in ("_WORTH_SORTING", "_WORTH_COMPARING"):
        with patch.object(pairs, worth, -1), patch.object(pairs, "_SOON_COMPARED", -1):
            result = connection.sql(sql)
            assert result.fetchall() == expected
        assert result.profile.engine == "locality"
