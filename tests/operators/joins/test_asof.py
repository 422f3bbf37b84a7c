"""Joins with the nearest row, against DuckDB: where several are as near, the tests ask for none in particular."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality.types import parse, to_arrow
from tests.properties.effort import examples
from tests.properties.interpreted import interpreted_kernels
from tests.properties.oracle import Pair
from tests.properties.related import POOLS
from tests.versions import IS_2, is_its_own, since_2

_KEYS = ("VARCHAR", "INTEGER", "DOUBLE")
_VALUES = ("TIMESTAMP", "DATE", "DOUBLE", "BIGINT", "DECIMAL(15,3)", "VARCHAR")


@st.composite
def sides(draw: st.DrawFn) -> tuple[pa.Table, pa.Table]:
    """Two tables with a key ``k``, a value ``v`` of any of the types, and a number ``n`` that tells rows apart."""
    types = {"k": draw(st.sampled_from(_KEYS)), "v": draw(st.sampled_from(_VALUES))}

    def side() -> pa.Table:
        rows = draw(st.integers(0, 12))
        columns = {
            name: pa.array(
                draw(st.lists(st.sampled_from((*POOLS[dtype], None)), min_size=rows, max_size=rows)),
                to_arrow(parse(dtype)),
            )
            for name, dtype in types.items()
        }
        return pa.table({**columns, "n": pa.array(range(rows), pa.int32())})

    return side(), side()


@given(sides(), st.sampled_from((">", ">=", "<", "<=")))
@settings(max_examples=examples(12))
def test_the_nearest_row_is_found(tables: tuple[pa.Table, pa.Table], comparison: str) -> None:
    with Pair(threads=2) as pair, interpreted_kernels():
        for name, table in zip(("l", "r"), tables, strict=True):
            pair.load(name, [table])
        near = f"l.v {comparison} r.v"
        null_safe = [f"r.k is not distinct from l.k and {near}"] if IS_2 else []
        for condition in (f"l.k = r.k and {near}", near, *null_safe):
            pair.check(f"select l.n, r.v from l asof join r on {condition}")
            pair.check(f"select l.*, r.v from l asof left join r on {condition}")


@since_2("lets NULL be near to any value, or not")
@given(sides(), st.sampled_from((">", ">=", "<", "<=")), st.sampled_from(("right", "full")))
@settings(max_examples=examples(5))
def test_right_rows_that_are_nearest_to_none(tables: tuple[pa.Table, pa.Table], comparison: str, kind: str) -> None:
    with Pair(threads=2) as pair, interpreted_kernels():
        for name, table in zip(("l", "r"), tables, strict=True):
            pair.load(name, [table])
        pair.locality.sql("create table one as select distinct on (k, v) * from r order by k, v, n")
        pair.duckdb.execute("create table one as select distinct on (k, v) * from r order by k, v, n")
        pair.check(f"select l.*, one.* from l asof {kind} join one on l.k = one.k and l.v {comparison} one.v")


@pytest.mark.skipif(IS_2, reason="DuckDB 2.0 pairs no NULL")
@pytest.mark.parametrize("join", ["join r on r.k is not distinct from l.k", "right join r on l.k = r.k"])
def test_where_null_may_be_near_duckdb_says(join: str) -> None:
    with Pair() as pair:
        for name in ("l", "r"):
            pair.load(name, [pa.table({"k": ["a"], "v": [1]})])
        assert is_its_own(pair.check(f"select l.v, r.v from l asof {join} and l.v >= r.v", engine="duckdb").reason)
