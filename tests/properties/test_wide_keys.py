"""Keys that no 64-bit word holds through SQL, against DuckDB: all by Locality's operators."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality.encodings import EncodedColumn, canonical
from locality.operators.relations.bytekeys import as_bytes, interval_parts
from locality.types import DataType
from tests.properties.effort import examples
from tests.properties.oracle import Pair
from tests.versions import since_2

_INTERVAL = pa.month_day_nano_interval()
_DAY = 86_400_000_000_000
#: Few values of each type, so that tables meet: extremes, and what is equal in another form.
_POOLS: Mapping[str, tuple[pa.DataType, Sequence[Any]]] = {
    "wide": (pa.decimal128(38, 2), [Decimal(10) ** 35, -(Decimal(10) ** 35), Decimal("1.25"), Decimal("-0.01")]),
    "unsigned": (pa.uint64(), [0, 2**63, 2**64 - 1, 2**63 - 1]),
    "whole": (pa.int64(), [-(2**63), 2**63 - 1, 0, -1]),
    "span": (_INTERVAL, [(1, 0, 0), (0, 30, 0), (0, 0, 30 * _DAY), (0, 1, -1000), (0, 0, _DAY - 1000), (-1, 1, 0)]),
}
_QUERIES = (
    "select a.i, b.i from a join b on a.{k} = b.{k}",
    "select a.i, b.i from a left join b on a.{k} = b.{k} and a.i < b.i",
    "select a.i, b.i from a full join b on a.{k} = b.{k}",
    "select a.i, b.i from a join b on a.{k} is not distinct from b.{k} and a.g = b.g",
    "select i from a where exists (select 1 from b where b.{k} = a.{k} and b.i <> a.i)",
    "select i from a where {k} not in (select {k} from b where {k} is not null)",
    "select i, {k} in (select {k} from b where i > 3) from a",
    "select i, {k} in (select {k} from b where b.g = a.g) from a",
    "select i, (select max(i) from b where b.{k} = a.{k}) from a",
    "select count(*), sum(i), min(i) from a group by {k}",
    "select g, count(distinct {k}), count(*) from a group by g",
    "select i, rank() over (partition by g order by {k} desc nulls last) from a",
    "select count(*) from (select distinct {k}, g from a)",
    "select count(*) from (select {k} from a intersect select {k} from b)",
)


def _table(seed: int, rows: int) -> pa.Table:
    source = random.Random(seed)

    def drawn(values: Sequence[Any], nulls: float) -> list[Any]:
        return [None if source.random() < nulls else source.choice(values) for _ in range(rows)]

    columns = {name: pa.array(drawn(values, 0.1), dtype) for name, (dtype, values) in _POOLS.items()}
    return pa.table({"i": pa.array(range(rows), pa.int32()), "g": pa.array(drawn([1, 2], 0.0)), **columns})


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made:
        made.load("a", [_table(1, 30), _table(2, 9)])
        made.load("b", [_table(3, 12)])
        yield made


@pytest.mark.parametrize("key", _POOLS)
def test_wide_keys(pair: Pair, key: str) -> None:
    for sql in _QUERIES:
        pair.check(sql.format(k=key))


def test_values_of_few_bits_meet_wide_ones(pair: Pair) -> None:
    pair.check("select a.i, b.i from (select i, wide from a where abs(wide) < 10) a join b on a.wide = b.wide")
    pair.check("select a.i, b.i from a join (select i, wide from b where abs(wide) < 10) b on a.wide = b.wide")
    pair.check("select a.i from a where wide in (select null::decimal(38, 2))")


_SPANS = st.tuples(st.integers(-90, 90), st.integers(-500, 500), st.integers(-(2**45), 2**45))


@since_2("compares intervals otherwise")
@settings(max_examples=examples(20), deadline=None)
@given(st.lists(_SPANS, min_size=1, max_size=20))
def test_intervals_compare_as_duckdbs(spans: list[tuple[int, int, int]]) -> None:
    values = [(months, days, 1000 * micros) for months, days, micros in spans]
    values += [(0, days + 30 * months, nanos) for months, days, nanos in values]
    table = pa.table({"i": range(len(values)), "s": pa.array(values, _INTERVAL)})
    wanted = duckdb.from_arrow(table).query("t", "select a.s = b.s, a.s < b.s from t a, t b order by a.i, b.i")
    parts = list(zip(*(part.tolist() for part in interval_parts(_spans(values))), strict=True))
    assert [(a == b, a < b) for a in parts for b in parts] == wanted.fetchall()


def _spans(values: list[tuple[int, int, int] | None]) -> EncodedColumn:
    return canonical(pa.array(values, _INTERVAL), DataType("INTERVAL"))


def test_bytes_of_slices_and_of_nulls() -> None:
    whole = pa.array([(0, 0, 0), (1, 0, 0), None, (0, 30, 0)], _INTERVAL)
    keys = as_bytes(canonical(whole.slice(1), DataType("INTERVAL")))
    assert keys.data is not None
    first, _, last = np.split(keys.data, 3)
    assert (first == last).all()
    assert keys.validity is not None
