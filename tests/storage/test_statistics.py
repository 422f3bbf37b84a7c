"""Column statistics: their JSON form, and what is known of a column that grew part by part."""

from __future__ import annotations

import itertools
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality import types
from locality.storage.statistics import ColumnStatistics, Order, merge_statistics
from locality.storage.zones import prefix_bounds
from locality.types import DataType

VALUES = st.none() | st.integers() | st.floats(allow_nan=False) | st.binary(max_size=16)


def order_of(values: list[Any]) -> Order | None:
    pairs = list(itertools.pairwise(values))
    if None in values:
        return None
    if all(a < b for a, b in pairs):
        return "strictly ascending"
    if all(a <= b for a, b in pairs):
        return "ascending"
    return "descending" if all(a >= b for a, b in pairs) else None


def statistics(values: list[Any]) -> ColumnStatistics:
    """Exact statistics of integers, or of bytes with their bounds cut."""
    present = [value for value in values if value is not None]
    least, greatest = min(present, default=None), max(present, default=None)
    if isinstance(least, bytes) and isinstance(greatest, bytes):
        least, greatest = prefix_bounds(least, greatest)
    return ColumnStatistics(
        rows=len(values),
        minimum=least,
        maximum=greatest,
        null_count=len(values) - len(present),
        distinct_estimate=len(set(present)),
        sorted=order_of(values),
        stored_bytes=8 * len(values),
        distinct_exact=True,
    )


@given(VALUES, VALUES, st.sampled_from([None, "ascending", "strictly ascending", "descending"]), st.booleans())
def test_json_round_trip(minimum: Any, maximum: Any, order: Order | None, has_nan: bool) -> None:
    before = ColumnStatistics(9, minimum, maximum, 1, 5, order, has_nan, 72, 30, 12, not has_nan)
    after = ColumnStatistics.from_json(json.loads(json.dumps(before.to_json())))
    assert after == before
    assert repr(after.minimum) == repr(before.minimum)


def test_json_keeps_floats_bit_for_bit() -> None:
    for value in (-0.0, 5e-324, float("inf"), 0.1):
        entry = json.loads(json.dumps(ColumnStatistics(1, value, value).to_json()))
        assert struct.pack("<d", ColumnStatistics.from_json(entry).minimum) == struct.pack("<d", value)


@pytest.mark.parametrize(
    "change",
    [{"minimum": "text:00"}, {"maximum": "bytes:zz"}, {"sorted": "sideways"}, {"rows": None}, {"minimum": [1]}],
    ids=str,
)
def test_other_json_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        ColumnStatistics.from_json(ColumnStatistics(1).to_json() | change)


def check_merged(parts: list[list[Any]], dtype: DataType) -> None:
    whole = [value for part in parts for value in part]
    merged = merge_statistics([statistics(part) for part in parts], dtype)
    exact = statistics(whole)
    assert (merged.rows, merged.null_count, merged.stored_bytes) == (exact.rows, exact.null_count, exact.stored_bytes)
    assert (merged.minimum, merged.maximum) == (exact.minimum, exact.maximum)
    assert merged.distinct_estimate >= exact.distinct_estimate
    assert merged.distinct_estimate <= exact.rows - exact.null_count
    if merged.distinct_exact:
        assert merged.distinct_estimate == exact.distinct_estimate
    proven = {None: {None}, "descending": {None, "descending"}, "ascending": {None, "ascending"}}
    proven["strictly ascending"] = {None, "ascending", "strictly ascending"}
    if len(set(whole)) == 1:
        proven["ascending"].add("descending")
    assert merged.sorted in proven[exact.sorted]


@given(st.lists(st.lists(st.none() | st.integers(0, 9), max_size=4), min_size=1, max_size=4))
def test_merging_integers(parts: list[list[int | None]]) -> None:
    check_merged(parts, types.BIGINT)


@given(st.lists(st.integers(0, 99), min_size=1, max_size=12).map(sorted), st.booleans(), st.lists(st.integers(0, 12)))
def test_merging_keeps_order_where_it_is_proven(values: list[int], reverse: bool, cuts: list[int]) -> None:
    values = values[::-1] if reverse else values
    edges = sorted({0, len(values), *(min(cut, len(values)) for cut in cuts)})
    parts = [values[a:b] for a, b in itertools.pairwise(edges)]
    check_merged(parts, types.BIGINT)
    merged = merge_statistics([statistics(part) for part in parts], types.BIGINT)
    assert merged.sorted is not None


@given(st.lists(st.lists(st.none() | st.binary(max_size=3), max_size=3), min_size=1, max_size=4))
def test_merging_text(parts: list[list[bytes | None]]) -> None:
    check_merged([[v and v * 9 for v in part] for part in parts], types.VARCHAR)


def test_text_bounds_that_are_cut_do_not_prove_order() -> None:
    left, right = [b"x" * 16 + b"a"], [b"x" * 16 + b"b"]
    merged = merge_statistics([statistics(left), statistics(right)], types.VARCHAR)
    assert merged.sorted is None


def test_unbounded_text_stays_unbounded() -> None:
    unbounded = statistics([b"\xff" * 17])
    assert unbounded.maximum is None
    merged = merge_statistics([unbounded, statistics([b"a"])], types.DataType("BLOB"))
    assert (merged.minimum, merged.maximum) == (b"a", None)


def test_nan_breaks_a_proof_of_order() -> None:
    parts = [
        ColumnStatistics(2, 1.0, 1.0, sorted="ascending", has_nan=True),
        ColumnStatistics(1, 2.0, 2.0, sorted="strictly ascending"),
    ]
    merged = merge_statistics(parts, types.DOUBLE)
    assert (merged.sorted, merged.has_nan, merged.maximum) == (None, True, 2.0)
