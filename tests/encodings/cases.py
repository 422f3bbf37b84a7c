"""Columns of every type and shape, and strategies that make more of them."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from locality import types
from locality.types import DataType

_STRINGS = ["", "a", "ab", "a\x00b", "é", "zebra", "\U0001f600", "x" * 40]
_INTEGER_TYPES = [
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    *("DATE", "TIME", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
]
FLAT = [
    *map(DataType, _INTEGER_TYPES),
    *(types.decimal(4, 1), types.decimal(18, 0), types.decimal(25, 3), types.decimal(38, 38)),
    *map(DataType, ("FLOAT", "DOUBLE", "VARCHAR", "BLOB", "HUGEINT", "INTERVAL")),
]
_EPOCH_DAYS = 719_162


def from_integers(values: list[int | None], dtype: DataType) -> pa.Array:
    """The Arrow array of the integers that INTEGER and HUGEINT values are."""
    arrow = types.to_arrow(dtype)
    if pa.types.is_decimal(arrow):
        with decimal.localcontext(prec=40):
            return pa.array([None if v is None else decimal.Decimal(v).scaleb(-arrow.scale) for v in values], arrow)
    if pa.types.is_boolean(arrow):
        return pa.array([None if v is None else bool(v) for v in values], arrow)
    if pa.types.is_date32(arrow):
        return pa.array(values, pa.int32()).cast(arrow)
    if pa.types.is_integer(arrow):
        return pa.array(values, arrow)
    return pa.array(values, pa.int64()).cast(arrow)


def bounds(dtype: DataType) -> tuple[int, int]:
    """The values that an INTEGER or HUGEINT type may take, and that Python's dates can show."""
    if dtype.name == "HUGEINT":
        return -(10**38) + 1, 10**38 - 1
    low, high = dtype.bounds
    return (
        (-_EPOCH_DAYS, 2_932_896)
        if dtype.name == "DATE"
        else (low, min(high, 86_399_999_999) if low == 0 and dtype.name == "TIME" else high)
    )


def integers(dtype: DataType) -> st.SearchStrategy[int]:
    """Values over the type's range, near its ends, in a narrow range, and multiples of a factor."""
    low, high = bounds(dtype)
    near = max(low, min(high, 3)), max(low, min(high, 250))
    spread = st.integers(low, high) | st.sampled_from([low, high, max(low, min(0, high))])
    return st.one_of(
        spread, st.integers(*near), st.integers(*near).map(lambda v: v - v % 25 if v - v % 25 >= low else low)
    )


def values(dtype: DataType) -> st.SearchStrategy[Any]:
    match dtype.name:
        case "FLOAT":
            return st.floats(width=32) | st.sampled_from([0.0, -0.0, float("nan"), float("inf")])
        case "DOUBLE":
            return st.floats() | st.sampled_from([0.0, -0.0, float("nan"), float("-inf")])
        case "VARCHAR":
            return st.sampled_from(_STRINGS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
        case "BLOB":
            return st.binary(max_size=6) | st.sampled_from([b"", b"\xff", b"\xff\xff", b"\x00"])
        case "INTERVAL":
            microseconds = st.integers(-(10**9), 10**9)
            return st.tuples(st.integers(-99, 99), st.integers(-99, 99), microseconds.map(lambda each: each * 1000))
        case _:
            return integers(dtype)


def to_array(items: list[Any], dtype: DataType) -> pa.Array:
    if dtype.name in ("FLOAT", "DOUBLE", "VARCHAR", "BLOB", "INTERVAL"):
        return pa.array(items, types.to_arrow(dtype))
    return from_integers(items, dtype)


@st.composite
def arrays(draw: st.DrawFn, dtype: DataType, max_size: int = 40) -> pa.Array:
    """An array of ``types.to_arrow(dtype)``: random values, few distinct ones, or runs of them; NULLs; any offset."""
    pool = draw(st.lists(values(dtype), min_size=1, max_size=12))
    picks = draw(st.lists(st.sampled_from(range(len(pool))), max_size=max_size))
    if draw(st.booleans()):
        picks = [pick for pick in picks for _ in range(9)]
    items = [pool[pick] for pick in picks]
    if draw(st.booleans()):
        items = [None if draw(st.integers(0, 3)) == 0 else item for item in items]
    array = to_array(items, dtype)
    offset = draw(st.integers(0, len(array)))
    return array.slice(offset, draw(st.integers(0, len(array) - offset)))


def fixed(dtype: DataType) -> dict[str, pa.Array]:
    """Columns that have gone wrong somewhere before."""
    rng = np.random.default_rng(7)
    sample = [values_of(dtype, int(k)) for k in rng.integers(0, 9, 300)]
    ends = list(bounds(dtype)) if dtype.name not in ("FLOAT", "DOUBLE", "VARCHAR", "BLOB", "INTERVAL") else sample[:2]
    return {
        "empty": to_array([], dtype),
        "nulls": to_array([None] * 11, dtype),
        "one": to_array(sample[:1], dtype),
        "one among nulls": to_array([None] * 9 + sample[:1] + [None] * 3, dtype),
        "constant": to_array(sample[:1] * 70, dtype),
        "ends": to_array([*ends, None, *ends[::-1]], dtype),
        "mixed": to_array([v if k % 5 else None for k, v in enumerate(sample)], dtype).slice(3, 250),
        "runs": to_array(sorted(sample, key=str), dtype).slice(5),
    }


def values_of(dtype: DataType, k: int) -> Any:
    """The ``k``-th of nine values of a type."""
    match dtype.name:
        case "FLOAT" | "DOUBLE":
            return [0.0, -0.0, float("nan"), float("inf"), float("-inf"), 1.5, -2.25, 1e-30, 1e30][k]
        case "VARCHAR":
            return [*_STRINGS, "zz"][k]
        case "BLOB":
            return [b"", b"\x00", b"\xff", b"\xff" * 20, b"a", b"ab", b"b", b"\x80", b"q" * 17][k]
        case "INTERVAL":
            return (k, -k, k * 10**9)
        case _:
            low, high = bounds(dtype)
            return min(high, max(low, [0, 1, 5, 100, 125, -125, 50, 3, 2][k]))
