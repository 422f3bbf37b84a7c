"""Every encoding keeps every value: one suite over the registry and over every type that an encoding can hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locality import types
from locality.encodings import (
    ENCODINGS,
    EncodedColumn,
    EncodingSpec,
    concat,
    decode,
    expand,
    from_arrow,
    recode,
    slice_column,
    stored_bytes,
    take,
)
from locality.encodings.bitmaps import null_count
from locality.encodings.canonical import plain_dtype
from locality.types import DataType
from tests.encodings import cases
from tests.encodings.oracle import columns, exact, specs

RELAXED = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])


def check_values(column: EncodedColumn, expected: pa.Array) -> None:
    """The column decodes to exactly these values and keeps the promises of its fields."""
    decoded = decode(column)
    decoded.validate(full=True)
    assert decoded.type == types.to_arrow(column.type)
    assert exact(decoded) == exact(expected)
    assert column.length == len(expected)
    check_fields(column, expected.null_count)


def check_fields(column: EncodedColumn, nulls: int) -> None:
    if column.all_null:
        assert nulls == column.length
    else:
        assert null_count(column.validity, column.length) == nulls
    if column.encoding == "plain" and column.codes is not None and column.codes.ndim == 1:
        assert column.codes.dtype == plain_dtype(column.type)
    if column.codes is not None and column.encoding != "plain":
        assert column.codes.dtype.kind == "u"
        if column.dictionary is not None and len(column.codes) and len(column.dictionary):
            assert int(column.codes.max()) < len(column.dictionary)
    if column.run_ends is not None:
        assert column.run_ends.dtype == np.int32
        assert (np.diff(column.run_ends, prepend=0) > 0).all()
        assert column.codes is not None
        assert len(column.codes) == len(column.run_ends)


def flat_cases() -> list[Any]:
    return [
        pytest.param(array, dtype, id=f"{dtype}-{name}")
        for dtype in cases.FLAT
        for name, array in cases.fixed(dtype).items()
    ]


@pytest.mark.parametrize(("array", "dtype"), flat_cases())
def test_fixed_columns(array: pa.Array, dtype: DataType) -> None:
    for column in columns(array, dtype):
        check_values(column, array)
        check_rows(column, array)


def check_rows(column: EncodedColumn, array: pa.Array) -> None:
    """Slices, rows by position and joined columns have the values that Arrow finds."""
    n = len(array)
    for start, stop in ((0, n), (0, n // 2), (n // 3, n), (n // 2, n // 2), (min(9, n), max(min(9, n), n - 1))):
        check_values(slice_column(column, start, stop), array.slice(start, stop - start))
    rng = np.random.default_rng(n)
    positions = rng.integers(0, n, min(n, 20)) if n else np.zeros(0, dtype=np.int64)
    check_values(take(column, positions), array.take(pa.array(positions, pa.int64())))
    parts = [slice_column(column, 0, n // 3), slice_column(column, n // 3, n), take(column, positions)]
    check_values(concat(parts), pa.concat_arrays([array, array.take(pa.array(positions, pa.int64()))]))


@pytest.mark.parametrize("dtype", cases.FLAT, ids=str)
@RELAXED
@given(data=st.data())
def test_random_columns(dtype: DataType, data: st.DataObject) -> None:
    array = data.draw(cases.arrays(dtype))
    for column in columns(array, dtype):
        check_values(column, array)
        check_rows(column, array)


@pytest.mark.parametrize("dtype", cases.FLAT, ids=str)
@RELAXED
@given(data=st.data())
def test_columns_of_different_encodings_join(dtype: DataType, data: st.DataObject) -> None:
    left, right = data.draw(cases.arrays(dtype)), data.draw(cases.arrays(dtype))
    joined = pa.concat_arrays([left, right])
    for first in columns(left, dtype):
        for second in columns(right, dtype):
            check_values(concat([first, second]), joined)


@pytest.mark.parametrize("dtype", cases.FLAT, ids=str)
@RELAXED
@given(data=st.data())
def test_every_encoding_recodes_into_every_other(dtype: DataType, data: st.DataObject) -> None:
    array = data.draw(cases.arrays(dtype))
    choices = specs(array, dtype)
    for source in columns(array, dtype):
        assert expand(source).encoding in ("plain", "dictionary", "text", "opaque")
        check_values(expand(source), array)
        for spec in choices.values():
            check_values(recode(source, spec), array)


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_cases_reach_every_encoding(name: str) -> None:
    reached = {
        encoding for dtype in cases.FLAT for array in cases.fixed(dtype).values() for encoding in specs(array, dtype)
    }
    assert name in reached


def test_stored_bytes_counts_arrays_and_no_dictionary() -> None:
    array = pa.array(["a", None, "b"] * 8)
    column = ENCODINGS["dictionary"].encode(array, specs(array, types.VARCHAR)["dictionary"])
    assert stored_bytes(column) == 24 + 3
    ints = pa.array([5, 6, 7], pa.int64())
    assert stored_bytes(from_arrow(ints, types.BIGINT)) == 24
    runs = ENCODINGS["rle"].encode(pa.array([1] * 90 + [3] * 10), EncodingSpec(types.BIGINT, "rle", code="uint8"))
    assert stored_bytes(runs) == 2 * (4 + 1)


@pytest.mark.parametrize(
    ("spec", "items"),
    [
        (EncodingSpec(types.BIGINT, "frame", base=0, code="uint8"), [0, 256]),
        (EncodingSpec(types.BIGINT, "frame", base=0, code="uint8"), [-1, 1]),
        (EncodingSpec(types.BIGINT, "frame", base=-(2**63), code="uint32"), [2**63 - 1]),
        (EncodingSpec(types.BIGINT, "scaled", base=1, factor=5, code="uint8"), [1, 6, 8]),
        (EncodingSpec(types.BIGINT, "constant", base=1), [1, 2]),
        (EncodingSpec(types.BIGINT, "constant", base=1), [1, 257]),
        (EncodingSpec(types.BIGINT, "plain", code="int8"), [1, 200]),
        (EncodingSpec(types.decimal(38, 0), "plain", code="int64"), [2**70]),
        (EncodingSpec(types.decimal(38, 0), "frame", code="uint8"), [2**70]),
        (EncodingSpec(types.DOUBLE, "constant", value=0.0), [0.0, -0.0]),
        (EncodingSpec(types.DOUBLE, "constant"), [None, 1.0]),
        (EncodingSpec(types.VARCHAR, "constant"), [None, "a"]),
    ],
    ids=lambda value: str(getattr(value, "encoding", value)),
)
def test_values_outside_a_spec_are_refused(spec: EncodingSpec, items: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"chosen|multiple|64 bits"):
        ENCODINGS[spec.encoding].encode(pa.array(items, types.to_arrow(spec.type)), spec)


def test_a_factor_may_exceed_what_some_rows_span() -> None:
    spec = EncodingSpec(types.BIGINT, "scaled", base=-5, factor=2**40, code="uint8")
    for items in ([-5, -5], [-5, 2**40 - 5], [255 * 2**40 - 5]):
        check_values(ENCODINGS["scaled"].encode(pa.array(items), spec), pa.array(items))


def test_a_string_outside_the_dictionary_is_refused() -> None:
    spec = specs(pa.array(["a", "b"]), types.VARCHAR)["dictionary"]
    for array in (pa.array(["a", "c"]), pa.array(["c"]).dictionary_encode()):
        with pytest.raises(ValueError, match="not in the dictionary"):
            ENCODINGS["dictionary"].encode(array, spec)
