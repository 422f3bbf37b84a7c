"""The tables that the planner's tests ask about, and rows for those that run."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pyarrow.dataset as ds

from locality.sql.source import Source, ToBatches
from locality.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    HUGEINT,
    INTEGER,
    TIMESTAMP,
    VARCHAR,
    DataType,
    decimal,
    to_arrow,
)

COLUMNS: tuple[tuple[str, DataType], ...] = (
    ("a", INTEGER),
    ("b", BIGINT),
    ("s", VARCHAR),
    ("d", DATE),
    ("m", decimal(15, 2)),
    ("f", DOUBLE),
    ("ts", TIMESTAMP),
    ("tz", DataType("TIMESTAMP WITH TIME ZONE")),
    ("bo", BOOLEAN),
    ("bl", DataType("BLOB")),
    ("h", HUGEINT),
    ("u", DataType("UUID")),
    ("w", decimal(38, 3)),
)
NESTED: tuple[tuple[str, DataType], ...] = (
    ("k", INTEGER),
    ("tags", DataType("list<item: string>")),
    ("parts", DataType("struct<a: int32>")),
)
TABLES = {"t": COLUMNS, "u": COLUMNS[:4], "nested": NESTED, 'we"ird; --': COLUMNS[:3]}

FLAT = tuple((name, dtype) for name, dtype in COLUMNS if name not in ("tz", "u", "h", "w"))
_NAN = float("nan")
_ROWS = {
    "a": [1, 2, 3, -4, None, 2**31 - 1, 0, 7],
    "b": [2**40, -1, 3, None, 0, 10, 0, -(2**63)],
    "s": ["abc", "", "ab%", None, "x'y\"z", "ÄÖü", "12", "2020-01-31"],
    "d": [dt.date(2020, 1, 31), dt.date(1969, 12, 31), None, *[dt.date(2000, 2, 29)] * 3, dt.date.min, dt.date.max],
    "m": [Decimal("1.50"), Decimal("-0.01"), None, Decimal("9999999999999.99"), *[Decimal("0.00")] * 4],
    "f": [1.5, _NAN, None, float("inf"), -float("inf"), -0.0, 0.0, 1e300],
    "ts": [dt.datetime(2020, 1, 31, 23, 59, 59, 999999), None, *[dt.datetime(1970, 1, 1)] * 6],
    "bo": [True, False, None, True, False, None, True, False],
    "bl": [b"abc", b"", None, b"\x00\xff'", b"\\x41", b"a", b"b", b"c"],
}


def rows() -> pa.Table:
    """A few rows of the flat columns, with NULL, NaN and the ends of the ranges."""
    return pa.table({name: pa.array(_ROWS[name], to_arrow(dtype)) for name, dtype in FLAT})


def one_zone(name: str, types: tuple[DataType, ...], table: pa.Table, to_batches: ToBatches) -> Source:
    """A source of which nothing is known but its rows' number."""
    return Source(name, types, table.schema, table.num_rows, to_batches, (range(1),), lambda index: [ds.scalar(True)])
