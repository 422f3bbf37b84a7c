"""Arrow arrays of every layout become canonical columns with the same values."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from locality import types
from locality.encodings import EncodedColumn, canonical, decode, from_arrow
from locality.encodings.bitmaps import null_count
from locality.errors import MemoryLimitError, SchemaError
from locality.types import DataType

TEXTS = ["b", None, "", "a", "b", "ccc", None]
DAY = 86_400_000


def decoded(array: pa.Array | pa.ChunkedArray) -> list[Any]:
    dtype = types.from_arrow(array.type)
    column = canonical(array, dtype)
    result = decode(column)
    result.validate(full=True)
    assert result.type == types.to_arrow(dtype)
    assert null_count(column.validity, column.length) == result.null_count
    return result.to_pylist()


@pytest.mark.parametrize(
    "arrow", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())], ids=str
)
def test_strings_of_every_layout(arrow: pa.DataType) -> None:
    array = pa.array(TEXTS).cast(arrow)
    assert decoded(array) == TEXTS
    assert decoded(array.slice(2, 4)) == TEXTS[2:6]
    assert decoded(pa.chunked_array([array.slice(3), array.slice(0, 2), array.slice(1, 0)])) == TEXTS[3:] + TEXTS[:2]
    assert decoded(pa.chunked_array([], type=arrow)) == []


@pytest.mark.parametrize("arrow", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(2)], ids=str)
def test_binaries_of_every_layout(arrow: pa.DataType) -> None:
    items = [b"\xff\x00", None, b"ab", b"\x00\x00"]
    array = pa.array(items, arrow)
    assert decoded(array) == items
    assert decoded(array.slice(1, 2)) == items[1:3]


def test_a_dictionary_may_be_unsorted_with_duplicates_and_nulls() -> None:
    values = pa.array(["b", None, "a", "b", "unused"])
    array = pa.DictionaryArray.from_arrays(pa.array([3, 2, None, 1, 0, 2], pa.int16()), values)
    column = canonical(array.slice(1), types.VARCHAR)
    assert column.encoding == "dictionary"
    assert column.dictionary is not None
    assert column.dictionary.values.to_pylist() == ["a", "b", "unused"]
    assert decode(column).to_pylist() == ["a", None, None, "b", "a"]


def test_a_dictionary_of_nothing() -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int32()), pa.array([], pa.string()))
    assert decoded(array) == [None, None]


def test_a_dictionary_of_numbers_is_plain() -> None:
    array = pa.array([3, None, 1, 3]).dictionary_encode()
    assert canonical(array, types.BIGINT).encoding == "plain"
    assert decoded(array) == [3, None, 1, 3]


def test_runs_in_arrow() -> None:
    array = pa.RunEndEncodedArray.from_arrays(pa.array([2, 5], pa.int32()), pa.array([7, None], pa.int64()))
    assert decode(canonical(array, types.BIGINT)).to_pylist() == [7, 7, None, None, None]


def test_booleans_at_any_offset() -> None:
    items = [True, False, None, True, True, None, False, False, True, None, True]
    for start in range(len(items)):
        assert decoded(pa.array(items).slice(start)) == items[start:]


def test_values_under_null_are_zero() -> None:
    values = pa.array([1, 2, 3], mask=np.array([False, True, False]))
    column = canonical(values, types.BIGINT)
    assert column.codes is not None
    assert column.codes.tolist() == [1, 0, 3]


def test_decimals_of_every_width() -> None:
    for width, arrow in ((9, pa.decimal32(9, 2)), (18, pa.decimal64(18, 2)), (30, pa.decimal256(30, 2))):
        items = [decimal.Decimal("-0.01"), None, decimal.Decimal("1234567.89")]
        array = pa.array(items).cast(arrow)
        assert types.from_arrow(array.type) == types.decimal(width, 2)
        assert decoded(array) == items


def test_decimals_use_64_bits_where_they_fit() -> None:
    arrow = pa.decimal128(38, 0)
    fits = pa.array([decimal.Decimal(2**63 - 1), decimal.Decimal(-(2**63)), None], arrow)
    beyond = pa.array([decimal.Decimal(2**63), None], arrow)
    narrow, wide = canonical(fits, types.decimal(38, 0)), canonical(beyond, types.decimal(38, 0))
    assert narrow.codes is not None
    assert wide.codes is not None
    assert (narrow.codes.shape, wide.codes.shape) == ((3,), (2, 2))
    assert decode(narrow).equals(fits)
    assert decode(wide).equals(beyond)


def test_float16_widens() -> None:
    assert decoded(pa.array(np.array([1.5, -2.0], dtype=np.float16))) == [1.5, -2.0]


def test_dates_in_milliseconds() -> None:
    array = pa.array([-DAY, 0, 3 * DAY, None], pa.int64()).cast(pa.date64())
    assert decoded(array) == [datetime.date(1969, 12, 31), datetime.date(1970, 1, 1), datetime.date(1970, 1, 4), None]


@pytest.mark.parametrize("arrow", [pa.time32("s"), pa.time32("ms"), pa.time64("us")], ids=str)
def test_times_of_every_unit(arrow: pa.DataType) -> None:
    items = [datetime.time(0, 0), None, datetime.time(23, 59, 59)]
    assert decoded(pa.array(items, arrow)) == items


UNITS = {"s": 10**6, "ms": 1000, "us": 1, "ns": 0}


@pytest.mark.parametrize("unit", UNITS)
def test_timestamps_keep_their_unit(unit: str) -> None:
    array = pa.array([-1, 0, 10**6 + 1, None], pa.int64()).cast(pa.timestamp(unit))
    assert decode(canonical(array, types.from_arrow(array.type))).equals(array)


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_timestamps_with_a_zone_are_microseconds(unit: str, zone: str) -> None:
    array = pa.array([-1, 0, 10**6 + 1, None], pa.int64()).cast(pa.timestamp(unit, zone))
    result = decode(canonical(array, types.from_arrow(array.type)))
    assert result.cast(pa.int64()).to_pylist() == [-UNITS[unit], 0, (10**6 + 1) * UNITS[unit], None]


@pytest.mark.parametrize("arrow", [pa.timestamp("ns", "UTC"), pa.time64("ns")], ids=str)
def test_nanoseconds_that_duckdb_has_other_types_for_are_kept(arrow: pa.DataType) -> None:
    array = pa.array([1, 1999, None], pa.int64()).cast(arrow)
    column = canonical(array, types.from_arrow(arrow))
    assert column.encoding == "opaque"
    assert decode(column).equals(array)


def test_timestamps_out_of_range_are_refused() -> None:
    array = pa.array([2**62], pa.int64()).cast(pa.timestamp("s", "UTC"))
    with pytest.raises(SchemaError, match="TIMESTAMP WITH TIME ZONE"):
        canonical(array, DataType("TIMESTAMP WITH TIME ZONE"))


def test_hugeint_from_duckdb() -> None:
    table = duckdb.sql(
        "select unnest([170141183460469231731687303715884105727, -1, null])::hugeint // 10 as h"
    ).to_arrow_table()
    column = canonical(table["h"], types.HUGEINT)
    assert decode(column).to_pylist() == table["h"].to_pylist()


def test_extension_types_are_their_storage() -> None:
    array = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([3, None], pa.int8()))
    column = canonical(array, types.from_arrow(array.type))
    assert column.encoding == "opaque"
    assert decode(column).to_pylist() == [3, None]


@pytest.mark.parametrize("labels", [("b", "it's", "a,b"), tuple(f"label {i}" for i in range(300))])
def test_enums_are_the_places_of_their_labels(labels: tuple[str, ...]) -> None:
    dtype = types.enum_of(labels)
    assert types.labels_of(dtype) == labels
    values = [labels[-1], None, labels[0], labels[1]]
    for array in (pa.array(values), pa.array(values).dictionary_encode()):
        column = canonical(array, dtype)
        assert column.codes is not None
        assert column.codes.tolist() == [len(labels) - 1, 0, 0, 1]
        assert decode(column).type == types.to_arrow(dtype)
        assert decode(column).to_pylist() == values
    with pytest.raises(SchemaError, match="none of ENUM"):
        canonical(pa.array(["no label"]), dtype)


def test_nested_values_are_kept() -> None:
    array = pa.array([[1, None], None, []])
    column = canonical(array.slice(1), types.from_arrow(array.type))
    assert column.encoding == "opaque"
    assert decode(column).to_pylist() == [None, []]


def test_the_null_type_takes_any_type() -> None:
    for name in ("INTEGER", "DOUBLE", "VARCHAR", "HUGEINT", "INTERVAL"):
        column = canonical(pa.nulls(9), DataType(name))
        assert decode(column).to_pylist() == [None] * 9


def test_nulls_of_a_type_without_an_arrow_type_stay_nulls() -> None:
    column = canonical(pa.nulls(3), DataType("list<item: int64>"))
    assert column.encoding == "opaque"
    assert null_count(column.validity, 3) == 3


def test_more_text_than_an_array_holds_is_refused() -> None:
    offsets, data = np.array([0, 2**31], dtype=np.int64), np.zeros(0, dtype=np.uint8)
    column = EncodedColumn(types.VARCHAR, "text", 1, offsets=offsets, data=data)
    with pytest.raises(MemoryLimitError, match="2147483648 bytes"):
        decode(column)


def test_types_that_do_not_convert_are_refused() -> None:
    with pytest.raises(SchemaError, match="BIGINT"):
        canonical(pa.array(["x"]), types.BIGINT)


def test_from_arrow_makes_dictionaries_of_text() -> None:
    column = from_arrow(pa.array(TEXTS), types.VARCHAR)
    assert column.encoding == "dictionary"
    assert column.dictionary is not None
    assert column.dictionary.values.to_pylist() == ["", "a", "b", "ccc"]
    assert decode(column).to_pylist() == TEXTS


@pytest.mark.parametrize(
    "array",
    [
        pa.array([3, None, -86_400_000_001], pa.duration("us")),
        pa.array([1, 1999, None, -1999], pa.duration("ns")),
        pa.array([7, None], pa.duration("s")),
        pa.array([(1, -2, 1999), None, (0, 0, -1999)], pa.month_day_nano_interval()),
        pa.array([b"0123456789abcdef", None, b"\xff\x00" * 8], pa.binary(16)).cast(pa.uuid()),
        pa.array([], pa.duration("ms")),
    ],
    ids=["microseconds", "nanoseconds", "seconds", "intervals", "uuid", "empty"],
)
def test_durations_and_uuids_are_what_duckdb_makes_of_them(array: pa.Array) -> None:
    for part in (array, array[1:]):
        with duckdb.connect() as con:
            expected = con.from_arrow(pa.table({"v": part})).to_arrow_table()["v"].to_pylist()
        assert decoded(part) == expected


def test_a_duration_that_is_no_interval_is_refused() -> None:
    with pytest.raises(SchemaError, match="too long"):
        canonical(pa.array([2**60], pa.duration("s")), DataType("INTERVAL"))
