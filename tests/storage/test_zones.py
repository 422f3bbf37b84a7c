"""Zone statistics bound every value of their zone, and exactly so in the space that they are defined in."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality import types
from locality.encodings import ENCODINGS, EncodedColumn, EncodingSpec, canonical, decode
from locality.storage import zone_format
from locality.storage.zones import (
    BLOCK_ROWS,
    EMPTY_MAXIMUM,
    EMPTY_MINIMUM,
    ZONE_ROWS,
    Zones,
    ordered_keys,
    prefix_bounds,
    zones_of,
)
from locality.types import DataType, Domain
from tests.encodings import cases
from tests.encodings.oracle import columns, unscaled

ROWS = 2 * ZONE_ROWS + 1234


def key(value: float) -> int:
    """The ordered key by its definition."""
    if math.isnan(value):
        return 0x7FF8000000000000
    bits = struct.unpack("<q", struct.pack("<d", value + 0.0))[0]
    return bits if bits >= 0 else bits ^ 0x7FFFFFFFFFFFFFFF


@given(st.lists(st.floats() | st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan]), min_size=1))
def test_ordered_keys_of_doubles(values: list[float]) -> None:
    assert ordered_keys(np.array(values)).tolist() == [key(v) for v in values]


@given(st.lists(st.floats(width=32), min_size=1))
def test_ordered_keys_of_floats_are_those_of_doubles(values: list[float]) -> None:
    assert ordered_keys(np.array(values, dtype=np.float32)).tolist() == [key(v) for v in values]


def test_ordered_keys_order_as_sql_does() -> None:
    values = [-math.inf, -1e300, -1.0, -5e-324, 0.0, 5e-324, 1.0, math.inf, math.nan]
    keys = ordered_keys(np.array(values)).tolist()
    assert keys == sorted(set(keys))
    negative_nan = np.array([-math.nan, math.nan])
    assert len(set(ordered_keys(negative_nan).tolist())) == 1


@given(st.lists(st.binary(max_size=20) | st.binary(max_size=2).map(lambda b: b"\xff" * 16 + b), min_size=1))
def test_prefix_bounds(values: list[bytes]) -> None:
    low, high = prefix_bounds(min(values), max(values))
    assert len(low) <= 16
    assert all(low <= value for value in values)
    if high is None:
        assert max(values).startswith(b"\xff" * 16)
    else:
        assert len(high) <= 16
        assert all(value <= high for value in values)


def expected_bounds(values: list[int | None]) -> tuple[int, int]:
    present = [value for value in values if value is not None]
    return min(present, default=EMPTY_MINIMUM), max(present, default=EMPTY_MAXIMUM)


def row_codes(column: EncodedColumn, array: pa.Array) -> list[int | None]:
    """The integer that a zone's bounds speak about, row by row."""
    if column.type.domain is Domain.FLOAT:
        return [None if v is None else key(v) for v in array.to_pylist()]
    if column.dictionary is not None:
        entries = column.dictionary.values.to_pylist()
        return [None if v is None else entries.index(v) for v in array.to_pylist()]
    base, factor = (0, 1) if column.encoding == "plain" else (column.base, column.factor)
    return [None if v is None else (v - base) // factor for v in unscaled(array, column.type)]


def check(column: EncodedColumn, array: pa.Array) -> None:
    zones = zones_of(column)
    parts = [array.slice(start, ZONE_ROWS) for start in range(0, len(array), ZONE_ROWS)]
    assert len(zones) == len(parts)
    assert zones.nulls.tolist() == [part.null_count for part in parts]
    if column.encoding == "text":
        check_prefixes(zones.prefix_minimum, zones.prefix_maximum, parts)
    elif not has_bounds(column):
        assert zones.minimum is None
        assert zones.maximum is None
    elif column.encoding != "rle" or column.validity is None:
        assert zones.minimum is not None
        assert zones.maximum is not None
        codes = row_codes(column, array)
        found = list(zip(zones.minimum.tolist(), zones.maximum.tolist(), strict=True))
        assert found == [expected_bounds(codes[start : start + ZONE_ROWS]) for start in range(0, len(codes), ZONE_ROWS)]
        check_sums(zones, codes)
        check_blocks(zones, codes)


def check_sums(zones: Zones, codes: list[int | None]) -> None:
    if zones.sums is not None:
        parts = (codes[start : start + ZONE_ROWS] for start in range(0, len(codes), ZONE_ROWS))
        assert zones.sums.tolist() == [sum(code for code in part if code is not None) for part in parts]


def check_blocks(zones: Zones, codes: list[int | None]) -> None:
    if zones.blocks is not None:
        assert zones.blocks.minimum is not None
        assert zones.blocks.maximum is not None
        assert len(zones.blocks) == len(zones) * ZONE_ROWS // BLOCK_ROWS
        found = list(zip(zones.blocks.minimum.tolist(), zones.blocks.maximum.tolist(), strict=True))
        starts = range(0, len(found) * BLOCK_ROWS, BLOCK_ROWS)
        assert found == [expected_bounds(codes[start : start + BLOCK_ROWS]) for start in starts]


def test_numbers_have_sums_and_what_follows_the_rows_has_blocks() -> None:
    rising, mixed = np.arange(ROWS), np.arange(ROWS) * 7919 % ROWS
    spec = EncodingSpec(types.BIGINT, "frame", base=0, code="uint32")
    zones, others = (zones_of(ENCODINGS["frame"].encode(pa.array(values), spec)) for values in (rising, mixed))
    assert zones.sums is not None
    assert zones.blocks is not None
    assert others.sums is not None
    assert others.blocks is None
    assert zones_of(canonical(pa.array(rising + 2**48), types.BIGINT)).sums is None
    day = canonical(pa.array(rising.astype("int32")).cast(pa.date32()), types.DATE)
    assert zones_of(day).sums is None


def has_bounds(column: EncodedColumn) -> bool:
    """Whether codes lie in int64."""
    if column.codes is None:
        return column.encoding == "constant"
    return column.codes.ndim == 1 and (column.codes.dtype != np.uint64 or int(column.codes.max()) < 2**63)


def check_prefixes(minimum: Any, maximum: Any, parts: list[pa.Array]) -> None:
    for low, high, part in zip(minimum, maximum, parts, strict=True):
        present = [v.encode() if isinstance(v, str) else v for v in part.to_pylist() if v is not None]
        assert (low, high) == (prefix_bounds(min(present), max(present)) if present else (None, None))


@pytest.mark.parametrize("dtype", cases.FLAT, ids=str)
def test_fixed_columns(dtype: DataType) -> None:
    for array in cases.fixed(dtype).values():
        if len(array):
            for column in columns(array, dtype):
                check(column, array)


@pytest.mark.parametrize("dtype", [types.decimal(12, 2), types.DOUBLE, types.VARCHAR], ids=str)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_random_columns(dtype: DataType, data: st.DataObject) -> None:
    array = data.draw(cases.arrays(dtype))
    if len(array):
        for column in columns(array, dtype):
            check(column, array)


def big(kind: str) -> pa.Array:
    """Columns of a few zones, the middle one without values."""
    rng = np.random.default_rng(3)
    values: Any = np.sort(rng.integers(-1000, 1000, ROWS)) // 100
    if kind == "double":
        values = values / 7
    elif kind == "string":
        values = values.astype(str)
    nulls = np.zeros(ROWS, dtype=bool)
    nulls[ZONE_ROWS : 2 * ZONE_ROWS] = True
    nulls[5] = True
    return pa.array(values, mask=nulls)


@pytest.mark.parametrize("kind", ["integer", "double", "string"])
def test_zones_of_their_own(kind: str) -> None:
    array = big(kind)
    filled = array.drop_null()
    for values in (array, filled):
        for column in columns(values, types.from_arrow(array.type)):
            check(column, values)


def test_runs_that_cross_zones() -> None:
    values = np.repeat([4, 2, 9, 1], [ZONE_ROWS - 1, ZONE_ROWS + 1, 7, 3])
    spec = EncodingSpec(types.BIGINT, "rle", base=1, code="uint8")
    column = ENCODINGS["rle"].encode(pa.array(values), spec)
    check(column, pa.array(values))
    check_array = decode(column)
    assert check_array.to_pylist() == values.tolist()


def test_text_zones() -> None:
    array = pa.array([f"{n:020d}" for n in range(ROWS)])
    check(canonical(array, types.VARCHAR), array)


def test_statistics_of_old_stores_lack_sums_and_blocks() -> None:
    column = canonical(pa.array(np.arange(ROWS)), types.BIGINT)
    batch = zone_format.to_batch([zones_of(column)], ROWS)
    old = batch.select(["0.nulls", "0.minimum", "0.maximum"])
    count = len(zones_of(column))
    assert zone_format.describes(zone_format.read(batch, 0, count), zones_of(column))
    found = zone_format.read(old, 0, count)
    assert found.sums is None
    assert found.blocks is None
    assert zone_format.describes(found, zones_of(column))
    other = canonical(pa.array(np.arange(ROWS)[::-1].copy()), types.BIGINT)
    assert not zone_format.describes(zone_format.read(batch, 0, count), zones_of(other))
    assert not zone_format.describes(zone_format.read(batch.select(["0.nulls"]), 0, count), zones_of(column))
