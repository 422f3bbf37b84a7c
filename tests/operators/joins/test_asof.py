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
        for condition in (f"l.k = r.k and {near}", f"r.k is not distinct from l.k and {near}", near):
            pair.check(f"select l.n, r.v from l asof join r on {condition}")
            pair.check(f"select l.*, r.v from l asof left join r on {condition}")


@pytest.mark.parametrize("kind", ["right", "full"])
def test_other_kinds_are_left_to_duckdb(kind: str) -> None:
    with Pair(threads=1) as pair:
        pair.load("t", [pa.table({"a": pa.array([1, 2, None], pa.int64())})])
        profile = pair.check(f"select * from t x asof {kind} join t y on x.a > y.a", engine="duckdb")
        assert profile.reason == f"{kind} asof join"
