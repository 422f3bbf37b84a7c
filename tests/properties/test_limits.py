"""LIMIT by a share of the rows and by what a subquery says, against DuckDB."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.effort import examples
from tests.properties.oracle import Pair


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made:
        made.load("t", [pa.table({"i": range(37), "m": [2] * 37})])
        made.load("e", [pa.table({"i": pa.array([], pa.int32())})])
        yield made


@settings(max_examples=examples(25), deadline=None)
@given(st.integers(0, 1000).map(lambda tenths: tenths / 10), st.integers(0, 40), st.sampled_from(("asc", "desc")))
def test_shares(pair: Pair, share: float, offset: int, way: str) -> None:
    pair.check(f"select i from t order by i {way} limit {share}% offset {offset}", ordered=True)


@pytest.mark.parametrize("limit", ["3", "null::int", "count(*) from e", "max(m) + 1 from t", "i from e"])
def test_subqueries(pair: Pair, limit: str) -> None:
    pair.check(f"select i from t order by i limit (select {limit})", ordered=True)
    pair.check(f"select i from e limit (select {limit}) offset 1")
    pair.check(f"select count(*), sum(i) from (select i from t order by i desc limit (select {limit}) offset 5)")


@pytest.mark.parametrize("key", ["s", "s desc", "s nulls first", "s desc nulls last", "f", "f desc, s"])
def test_first_rows_of_several_segments(pair: Pair, key: str) -> None:
    def part(seed: int, rows: int) -> pa.Table:
        numbers = [(seed + 7919 * i) % 1000 for i in range(rows)]
        texts = [None if n % 50 == 0 else f"{n % 10} and a text that is long {n}" for n in numbers]
        return pa.table({"i": numbers, "s": texts, "f": [None if n % 20 == 3 else n / 8 for n in numbers]})

    pair.load("parts", [part(1, 300), part(5, 3), part(8, 400)])
    for limit in ("3", "40 offset 5"):
        pair.check(f"select s, f, i from parts order by {key}, i limit {limit}", ordered=True)
        pair.check(f"select s from parts order by s limit {limit}", ordered=True)


def test_what_is_left_to_duckdb(pair: Pair) -> None:
    pair.check("select i from t order by i limit (select 2.6)", engine="duckdb")
    pair.check("select i from t limit (select -1)")  # which raises an error
    pair.check("select i from t limit 200%")
