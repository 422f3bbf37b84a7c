"""Facts about columns, gathered in chunks, against plain Python over all values."""

from __future__ import annotations

import math
import struct
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality import types
from locality.encodings import decode
from locality.storage.ingest import distinct
from locality.storage.ingest.collector import Collector
from locality.storage.ingest.staging import Staging

INTS = st.one_of(st.integers(-5, 5).map(lambda v: 1000 * v), st.integers(-(2**63), 2**63 - 1))
TEXTS = st.one_of(st.sampled_from(["", "a", "b", "ab"]), st.text(max_size=20))
NESTED = types.from_arrow(pa.list_(pa.int64()))
FLOATS = st.one_of(st.sampled_from([0.0, -0.0, 1.0, math.nan]), st.floats())


@st.composite
def chunks(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> list[list[Any]]:
    """Some chunks of values, often in order, sometimes with NULLs."""
    element = st.one_of(st.none(), values) if draw(st.booleans()) else values
    column = draw(st.lists(element, max_size=30))
    if None not in column and draw(st.booleans()):
        column.sort(key=_float_key if values is FLOATS else None, reverse=draw(st.booleans()))
    cuts = sorted(draw(st.lists(st.integers(0, len(column)), max_size=4)))
    return [column[a:b] for a, b in pairwise([0, *cuts, len(column)])]


def _float_key(value: float) -> tuple[bool, float]:
    return (math.isnan(value), 0.0 if math.isnan(value) else value)


def collect(parts: list[list[Any]], arrow: pa.DataType) -> Collector:
    rows = sum(map(len, parts))
    collector = Collector("x", types.from_arrow(arrow), rows)
    for part in parts:
        if part:
            staged, facts = collector.prepare(pa.chunked_array([pa.array(part, arrow)]))
            assert decode(staged).to_pylist() == pytest.approx(part, nan_ok=True) if part[0] == 0 else True
            collector.add(staged, facts)
    return collector


def order_of(column: list[Any]) -> str | None:
    if not column or None in column:
        return None
    if all(a < b for a, b in pairwise(column)):
        return "strictly ascending"
    if all(a <= b for a, b in pairwise(column)):
        return "ascending"
    return "descending" if all(a >= b for a, b in pairwise(column)) else None


@settings(deadline=None)
@given(parts=chunks(INTS))
def test_integers(parts: list[list[int | None]]) -> None:
    column = [value for part in parts for value in part]
    valid = [value for value in column if value is not None]
    collector = collect(parts, pa.int64())
    found = collector.statistics(0)
    assert (found.rows, found.null_count) == (len(column), len(column) - len(valid))
    assert (found.minimum, found.maximum) == (min(valid, default=None), max(valid, default=None))
    assert (found.distinct_estimate, found.distinct_exact) == (len(set(valid)), True)
    assert found.sorted == order_of(column)
    if valid:
        assert collector.facts.factor == math.gcd(*(value - min(valid) for value in valid))
    if column and len(valid) == len(column):
        assert collector.facts.runs == 1 + sum(a != b for a, b in pairwise(column))


@settings(deadline=None)
@given(parts=chunks(FLOATS))
def test_floats(parts: list[list[float | None]]) -> None:
    column = [value for part in parts for value in part]
    valid = [value for value in column if value is not None]
    numbers = [value for value in valid if not math.isnan(value)]
    collector = collect(parts, pa.float64())
    found = collector.statistics(0)
    assert (found.minimum, found.maximum) == (min(numbers, default=None), max(numbers, default=None))
    assert found.has_nan == (len(numbers) < len(valid))
    keys = [None if value is None else _float_key(value) for value in column]
    assert found.sorted == order_of(keys)
    patterns = {struct.pack("<d", value) for value in valid}
    assert (collector.facts.bits is not None) == (len(patterns) == 1)


@settings(deadline=None)
@given(parts=chunks(TEXTS), as_dictionary=st.booleans(), nothing_known=st.booleans())
def test_strings(parts: list[list[str | None]], as_dictionary: bool, nothing_known: bool) -> None:
    column = [value for part in parts for value in part]
    valid = [value.encode() for value in column if value is not None]
    collector = Collector("x", types.VARCHAR, None if nothing_known else len(column))
    for part in parts:
        if part:
            array = pa.array(part, pa.string())
            array = array.dictionary_encode() if as_dictionary else array
            staged, facts = collector.prepare(pa.chunked_array([array]))
            assert decode(staged).to_pylist() == part
            collector.add(staged, facts)
    found = collector.statistics(0)
    assert found.text_bytes == sum(map(len, valid))
    assert found.longest_text == max(map(len, valid), default=0)
    assert found.distinct_estimate == len(set(valid))
    assert found.sorted == order_of([None if value is None else value.encode() for value in column])
    if valid:
        assert isinstance(found.minimum, bytes)
        assert found.minimum == min(valid)[:16]
        assert found.maximum is None or (isinstance(found.maximum, bytes) and found.maximum >= max(valid))


def test_wide_decimals() -> None:
    limit = 10**38 - 1
    array = pa.array([str(limit), None, str(-limit), "5"]).cast(pa.decimal128(38, 0))
    collector = collect([], pa.decimal128(38, 0))
    collector.add(*collector.prepare(pa.chunked_array([array])))
    found = collector.statistics(0)
    assert (found.minimum, found.maximum, found.null_count) == (-limit, limit, 1)
    assert not found.distinct_exact  # a sketch does not tell all 128-bit values apart
    assert collector.choose().code == "limbs"


@pytest.mark.parametrize("count", [0, 1, 2047, 2048, 50_000])
def test_distinct_estimates(count: int) -> None:
    hashes = distinct.EMPTY
    for start in range(0, count, 1000):
        values = np.arange(min(1000, count - start), dtype=np.uint16)
        hashes = distinct.merge(distinct.merge(hashes, distinct.sketch(values, start)), distinct.sketch(values, start))
    assert distinct.estimate(hashes) == (count if count < 2048 else pytest.approx(count, rel=0.15))


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**33))
def test_a_sketch_does_not_depend_on_how_values_are_coded(others: list[int], first: int, second: int) -> None:
    """Small codes on a base, and the values themselves, have the same hashes; different values have different ones."""
    whole = np.array([value % 2**64 for value in (first, first + second, *others)], np.uint64)
    split = np.array([0, second], np.uint64 if second >= 2**32 else np.uint32)
    merged = distinct.merge(distinct.sketch(split, first), distinct.sketch(np.array(whole[2:], np.uint64)))
    assert merged.tolist() == distinct.sketch(whole).tolist()
    assert distinct.estimate(merged) == len(set(whole.tolist()))


def test_columns_with_ever_more_strings_become_text() -> None:
    collector = Collector("x", types.VARCHAR, 3_000_000)
    for chunk in range(3):
        words = [f"{chunk}-{i}" for i in range(5000)]
        collector.add(*collector.prepare(pa.chunked_array([pa.array(words)])))
    assert collector.choose().encoding == "text"
    assert (collector.statistics(0).distinct_estimate, collector.statistics(0).distinct_exact) == (15_000, False)


def test_what_a_stream_of_unknown_length_begins_with_may_yet_get_a_dictionary() -> None:
    collector = Collector("x", types.VARCHAR, None)
    numbers = np.random.default_rng(0).integers(0, 40_000, (2, 100_000))
    for chunk in numbers:
        collector.add(*collector.prepare(pa.chunked_array([pa.array(chunk).cast(pa.string())])))
    spec = collector.choose()
    assert spec.dictionary is not None
    assert len(spec.dictionary) == len(np.unique(numbers))


def test_strings_with_few_values_share_one_dictionary() -> None:
    collector = Collector("x", types.VARCHAR, None)
    for words in (["b", "a"], ["c", "a"], ["b"]):
        collector.add(*collector.prepare(pa.chunked_array([pa.array(words)])))
    spec = collector.choose()
    assert spec.dictionary is not None
    assert spec.dictionary.values.to_pylist() == ["a", "b", "c"]


@settings(deadline=None)
@given(
    parts=st.lists(st.lists(st.one_of(st.none(), TEXTS), min_size=1, max_size=9), min_size=1),
    budget=st.integers(0, 200),
)
def test_staging_gives_back_any_rows(parts: list[list[str | None]], budget: int, tmp_path_factory: Any) -> None:
    column = [value for part in parts for value in part]
    numbers = list(range(len(column)))
    columns = [Collector("n", types.BIGINT, None), Collector("s", types.VARCHAR, None), Collector("l", NESTED, None)]
    with Staging(3, tmp_path_factory.getbasetemp(), budget) as staging:
        row = 0
        for part in parts:
            span = numbers[row : row + len(part)]
            arrays = [pa.array(span), pa.array(part, pa.string()), pa.array([[n] for n in span], pa.list_(pa.int64()))]
            chunk = [c.prepare(pa.chunked_array([a]))[0] for c, a in zip(columns, arrays, strict=True)]
            staging.add(chunk)
            row += len(part)
        assert staging.rows == len(column)
        for start, stop in ((0, row), (row // 3, row // 2), (row - 1, row), (0, 1)):
            found = [[v for part in staging.parts(i, start, stop) for v in decode(part).to_pylist()] for i in range(3)]
            assert found == [numbers[start:stop], column[start:stop], [[n] for n in numbers[start:stop]]]
