"""Rows in another order against DuckDB's order of the same rows: every type, NULLs, and rows that are equal."""

from __future__ import annotations

import random
import tempfile

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from locality.plan.nodes import PRIMARY
from locality.runtime.execution import QueryExecution, Workers
from locality.runtime.reorder import resolve_order
from locality.runtime.reorganize import arranger
from locality.storage.entries import LayoutEntry
from locality.storage.ingest import ingest
from locality.storage.rewrite import rewrite
from locality.storage.store import Store
from locality.storage.verify import find_problems
from tests.properties.data import KINDS, NULLS, random_table
from tests.storage.ingest.tables import stored


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), rows=st.sampled_from([0, 1, 7, 600]), count=st.integers(1, 3), data=st.data())
def test_rows_lie_as_duckdb_sorts_them(seed: int, rows: int, count: int, data: st.DataObject) -> None:
    kinds = [data.draw(st.sampled_from(KINDS)) for _ in range(count + 1)]
    nulls = [data.draw(st.sampled_from(sorted(NULLS))) for _ in kinds]
    unordered = random_table(random.Random(seed), rows, kinds, nulls)
    unordered = unordered.append_column("number", pa.array(range(rows), pa.int64()))
    by = ", ".join(f"c{i} nulls last" for i in range(count))
    expected = duckdb.sql(f"select number from unordered order by {by}, number").fetchall()
    with tempfile.TemporaryDirectory() as directory, Store.open(directory) as store:
        ingest(store, "t", unordered)
        before = stored(store, "t")
        names = resolve_order(store.snapshot(), "T", [f"C{i}" for i in range(count)]).names
        layout = LayoutEntry(PRIMARY, None, (), (), *names)
        report = rewrite(store, "t", lambda _: layout, arranger(QueryExecution(Workers(1), 2**30)))
        assert (report.rows, report.order) == (rows, tuple(f"c{i}" for i in range(count)))
        assert not find_problems(store)
        after = stored(store, "t")
        assert after["number"].to_pylist() == [number for (number,) in expected]
        expected_rows = before.take(after["number"]) if rows else before
        assert after.schema == expected_rows.schema
        assert repr(after.to_pylist()) == repr(expected_rows.to_pylist())  # in which NaN is NaN
