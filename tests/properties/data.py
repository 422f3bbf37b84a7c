"""Random tables over all flat types, as a seeded random source makes them: small ones and large ones alike.

Every kind of column provokes something: another encoding, values at the ends of their type, odd strings, runs, NULLs.
"""

from __future__ import annotations

import decimal
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality.types import DataType, parse, to_arrow

Ints = npt.NDArray[np.int64]
Generator = np.random.Generator

_MICROSECONDS_A_DAY = 86_400_000_000
#: Days and microseconds of the years 1 and 9999, between which Python has values.
_DAYS = (-719_162, 2_932_896)
_STRINGS = [
    *("", " ", "a", "ab", "abc", "b", "A", "zebra", "O'Brien", 'say "hi"', "100%", "a_b", "a\\b", "line\nbreak"),
    *("é", "e\u0301", "ß", "straße", "日本語", "\U0001f600", "x" * 12, "x" * 13, "x" * 300, "\x7f", "\U0010ffff"),
]
_BLOBS = [b"", b"\x00", b"\x00\x00", b"\x01", b"\x7f", b"\x80", b"\xff", b"\xff\xff", b"a", b"ab", b"q" * 20]

#: How many of the values are NULL.
NULLS: Mapping[str, float] = {"none": 0.0, "few": 0.02, "some": 0.3, "most": 0.97, "all": 1.0}


@dataclass(frozen=True)
class Kind:
    """A kind of column: its SQL type, and the shape of its values."""

    type: str
    shape: str

    @property
    def dtype(self) -> DataType:
        return parse(self.type)

    @property
    def is_number(self) -> bool:
        return self.dtype.is_integral or self.dtype.is_decimal or self.dtype.is_float

    @property
    def is_few(self) -> bool:
        """Whether it has few distinct values, so that it makes a good group key."""
        return self.shape in ("few", "runs", "constant", "ends")


_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_FLOATS = ("FLOAT", "DOUBLE")
_DECIMALS = ("DECIMAL(4,1)", "DECIMAL(9,2)", "DECIMAL(15,2)", "DECIMAL(18,0)", "DECIMAL(25,3)", "DECIMAL(38,5)")
_TIMES = ("DATE", "TIME", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
KINDS: tuple[Kind, ...] = (
    *(Kind(name, shape) for name in _INTEGERS for shape in ("few", "runs", "sorted", "spread", "ends", "constant")),
    *(Kind(name, shape) for name in _DECIMALS for shape in ("few", "sorted", "spread", "ends")),
    *(Kind(name, shape) for name in _TIMES for shape in ("few", "runs", "sorted", "spread")),
    *(Kind(name, shape) for name in _FLOATS for shape in ("few", "sorted", "spread", "special", "constant")),
    *(Kind("VARCHAR", shape) for shape in ("few", "runs", "sorted", "spread", "odd", "constant")),
    *(Kind("BLOB", shape) for shape in ("few", "odd")),
    *(Kind("BOOLEAN", shape) for shape in ("few", "constant")),
)


def random_table(source: random.Random, rows: int, kinds: Sequence[Kind], nulls: Sequence[str]) -> pa.Table:
    """A table with a column ``c<i>`` of each kind, with NULLs as ``nulls`` (of :data:`NULLS`) says."""
    rng = np.random.default_rng(source.getrandbits(32))
    arrays = [column(rng, kind, rows, NULLS[share]) for kind, share in zip(kinds, nulls, strict=True)]
    return pa.table(arrays, names=[f"c{i}" for i in range(len(kinds))])


def column(rng: Generator, kind: Kind, rows: int, nulls: float) -> pa.Array:
    """One column in the Arrow type of its SQL type."""
    mask = rng.random(rows) < nulls
    match kind.dtype.name:
        case "VARCHAR":
            return _pick(rng, _strings(rng, kind.shape, rows), kind.shape, mask, pa.string())
        case "BLOB":
            return _pick(rng, list(_BLOBS), kind.shape, mask, pa.binary())
        case "FLOAT" | "DOUBLE":
            return _floats(rng, kind, mask)
        case "BOOLEAN":
            values = rng.integers(0, 2, rows) if kind.shape == "few" else np.ones(rows, np.int64)
            return pa.array(values.astype(bool), mask=mask)
        case _:
            return from_unscaled(_integers(rng, kind, rows), kind.dtype, mask)


# --- integers, decimals, dates and times


def value_range(dtype: DataType) -> tuple[int, int]:
    """The values of a type that Python's own types can show too."""
    match dtype.name:
        case "DATE":
            return _DAYS
        case "TIME":
            return 0, _MICROSECONDS_A_DAY - 1
        case "TIMESTAMP_S":
            return _DAYS[0] * 86_400, _DAYS[1] * 86_400
        case "TIMESTAMP_MS":
            return _DAYS[0] * 86_400_000, _DAYS[1] * 86_400_000
        case "TIMESTAMP" | "TIMESTAMP WITH TIME ZONE":
            return _DAYS[0] * _MICROSECONDS_A_DAY, _DAYS[1] * _MICROSECONDS_A_DAY
        case _:
            return dtype.bounds


def _usual(dtype: DataType) -> tuple[int, int, int]:
    """Where values usually are: the least, how far they go, and the step between them."""
    match dtype.name:
        case "DATE":
            return 10_000, 60, 1
        case "TIME" | "TIMESTAMP" | "TIMESTAMP WITH TIME ZONE":
            return 40_000_000_000, 50, 1_000_000
        case "TIMESTAMP_S" | "TIMESTAMP_MS":
            return 1_000_000_000, 50, 60
        case "DECIMAL":
            return -250, 40, 25
        case _:
            return (-20 if dtype.bounds[0] < 0 else 3), 60, 1


def _integers(rng: Generator, kind: Kind, rows: int) -> list[int]:
    """Unscaled values, as Python's integers since some are wider than 64 bits."""
    low, high = value_range(kind.dtype)
    first, width, step = _usual(kind.dtype)
    match kind.shape:
        case "few":
            return [first + step * int(k) for k in rng.integers(0, width, rows)]
        case "runs":
            lengths = rng.integers(1, max(2, rows // 12), rows)
            values = np.repeat(rng.integers(0, width, rows), lengths)[:rows]
            return [first + step * int(k) for k in values]
        case "sorted":
            most = min(high - first, 10 * max(rows, 1) * step)
            return sorted(first + int(k) for k in rng.integers(0, most, rows))
        case "constant":
            return [first + step] * rows
        case "ends":
            pool = [low, low + 1, high, high - 1, max(low, 0), max(low, -1), min(high, 1)]
            return [pool[k] for k in rng.integers(0, len(pool), rows)]
        case _:
            words = rng.integers(0, 2**63, (rows, 2), dtype=np.int64).tolist()
            return [low + (a << 63 | b) % (high - low + 1) for a, b in words]


def from_unscaled(values: Sequence[int], dtype: DataType, mask: npt.NDArray[np.bool_]) -> pa.Array:
    """The Arrow array of INTEGER values, NULL where ``mask``."""
    arrow = to_arrow(dtype)
    if pa.types.is_decimal(arrow):
        with decimal.localcontext(prec=40):
            exact = [decimal.Decimal(value).scaleb(-arrow.scale) for value in values]
        return pa.array([None if null else v for v, null in zip(exact, mask, strict=True)], arrow)
    wide = np.array(values, dtype=np.uint64 if dtype.name == "UBIGINT" else np.int64)
    array = pa.array(wide, mask=mask)
    if pa.types.is_integer(arrow):
        return array.cast(arrow)
    return (array.cast(pa.int32()) if pa.types.is_date32(arrow) else array).cast(arrow)


# --- floats and strings


def _floats(rng: Generator, kind: Kind, mask: npt.NDArray[np.bool_]) -> pa.Array:
    """Binary fractions of bounded size, so that sums are exact in any order; but for the special values."""
    dtype = np.float32 if kind.type == "FLOAT" else np.float64
    rows = len(mask)
    values: npt.NDArray[np.float64]
    match kind.shape:
        case "few":
            values = rng.integers(-8, 9, rows) / 4
        case "constant":
            values = np.full(rows, 2.5)
        case "special":
            pool = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -1.5, 5e-324, 1e30, np.finfo(dtype).tiny])
            values = pool[rng.integers(0, len(pool), rows)]
        case "sorted":
            values = np.sort(rng.integers(-(2**20), 2**20, rows)) / 16
        case _:
            values = rng.integers(-(2**23), 2**23, rows) / 1024
    with np.errstate(all="ignore"):
        return pa.array(values.astype(dtype), mask=mask, from_pandas=False)


def _strings(rng: Generator, shape: str, rows: int) -> list[str]:
    if shape in ("spread", "sorted"):
        return [f"{int(k):x}-{_STRINGS[k % len(_STRINGS)]}" for k in rng.integers(0, max(4 * rows, 1), rows)]
    if shape == "odd":
        return list(_STRINGS)
    return [_STRINGS[k] for k in rng.choice(len(_STRINGS), 8, replace=False)]


def _pick(rng: Generator, pool: list[Any], shape: str, mask: npt.NDArray[np.bool_], arrow: pa.DataType) -> pa.Array:
    rows = len(mask)
    positions = rng.integers(0, max(len(pool), 1), rows)
    if shape == "constant":
        positions = np.zeros(rows, np.int64)
    elif shape == "runs":
        positions = np.repeat(positions, rng.integers(1, max(2, rows // 12), rows))[:rows]
    values = [pool[k] for k in positions]
    if shape == "sorted":
        values.sort(key=str.encode)
    return pa.array([None if null else value for value, null in zip(values, mask, strict=True)], arrow)
