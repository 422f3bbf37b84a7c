"""SQL types: DuckDB's names and rules, Arrow's representation, and the physical domain that kernels work in.

Every flat type lies in one *domain*:

- ``INTEGER``: the value is one signed 64-bit integer: booleans (0, 1), integers, decimals (unscaled), dates (days),
  times and timestamps (units since midnight or the epoch), and ENUMs (the label's place, from 0).
- ``FLOAT``: IEEE float32 or float64.
- ``STRING``: bytes, ordered byte by byte: VARCHAR and BLOB, and UUID by its text, which sorts as its 128 bits do.
- ``WIDE``: 128-bit values (HUGEINT, UHUGEINT, decimals over 18 digits whose values do not fit 64 bits, INTERVAL).
- ``NESTED``: lists, structs, maps, unions, and the rarer types of nanoseconds: kept as Arrow has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from locality import nested
from locality.errors import SchemaError


class Domain(Enum):
    """How kernels see the values of a type."""

    INTEGER = "integer"
    FLOAT = "float"
    STRING = "string"
    WIDE = "wide"
    NESTED = "nested"


@dataclass(frozen=True, slots=True)
class DataType:
    """A SQL type by DuckDB's name. ``width`` and ``scale`` are DECIMAL's; a nested type's ``name`` is its SQL text."""

    name: str
    width: int = 0
    scale: int = 0

    def __str__(self) -> str:
        return f"DECIMAL({self.width},{self.scale})" if self.name == "DECIMAL" else self.name

    @property
    def domain(self) -> Domain:
        """The physical domain. A DECIMAL counts as INTEGER; its values may still turn out WIDE by statistics."""
        if self.name in _INTEGER_BOUNDS or self.name == "DECIMAL" or self.is_enum:
            return Domain.INTEGER
        return _OTHER_DOMAINS.get(self.name, Domain.NESTED)

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and greatest value of an INTEGER-domain type, as unscaled integers; raises KeyError for others."""
        if self.name == "DECIMAL":
            limit = 10**self.width - 1
            return -limit, limit
        if self.is_enum:
            return 0, max(len(labels_of(self)) - 1, 0)
        return _INTEGER_BOUNDS[self.name]

    @property
    def is_decimal(self) -> bool:
        return self.name == "DECIMAL"

    @property
    def is_enum(self) -> bool:
        return self.name.startswith("ENUM(")

    @property
    def is_integral(self) -> bool:
        """Whether this is one of SQL's integer types (not a decimal, date or boolean)."""
        return self.name in INTEGRAL

    @property
    def is_float(self) -> bool:
        return self.domain is Domain.FLOAT

    @property
    def row_bytes(self) -> int:
        """Bytes of one value in a row-at-a-time record: the width of the natural C type; a string counts 16."""
        if self.name == "DECIMAL":
            return 16 if self.width > 18 else 8
        if self.is_enum:
            return enum_dtype(self).itemsize
        return _ROW_BYTES.get(self.name, 16)


_SIGNED = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}
_UNSIGNED = {"UTINYINT": 8, "USMALLINT": 16, "UINTEGER": 32, "UBIGINT": 64}
_INT64 = (-(2**63), 2**63 - 1)
_INT32 = (-(2**31), 2**31 - 1)
_INTEGER_BOUNDS: dict[str, tuple[int, int]] = {
    "BOOLEAN": (0, 1),
    **{name: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for name, bits in _SIGNED.items()},
    **{name: (0, 2**bits - 1) for name, bits in _UNSIGNED.items()},
    "DATE": _INT32,
    "TIME": (0, 86_400_000_000),
    "TIMESTAMP_S": _INT64,
    "TIMESTAMP_MS": _INT64,
    "TIMESTAMP": _INT64,
    "TIMESTAMP_NS": _INT64,
    "TIMESTAMP WITH TIME ZONE": _INT64,
}
_OTHER_DOMAINS = {
    "FLOAT": Domain.FLOAT,
    "DOUBLE": Domain.FLOAT,
    "VARCHAR": Domain.STRING,
    "BLOB": Domain.STRING,
    "HUGEINT": Domain.WIDE,
    "UHUGEINT": Domain.WIDE,
    "UUID": Domain.STRING,
    "INTERVAL": Domain.WIDE,
}
_ROW_BYTES = {
    "BOOLEAN": 1,
    **{name: bits // 8 for name, bits in (_SIGNED | _UNSIGNED).items()},
    "DATE": 4,
    "FLOAT": 4,
    "DOUBLE": 8,
    "TIME": 8,
    "TIMESTAMP_S": 8,
    "TIMESTAMP_MS": 8,
    "TIMESTAMP": 8,
    "TIMESTAMP_NS": 8,
    "TIMESTAMP WITH TIME ZONE": 8,
}
INTEGRAL = frozenset(_SIGNED) | frozenset(_UNSIGNED)

BOOLEAN = DataType("BOOLEAN")
INTEGER = DataType("INTEGER")
BIGINT = DataType("BIGINT")
HUGEINT = DataType("HUGEINT")
DOUBLE = DataType("DOUBLE")
VARCHAR = DataType("VARCHAR")
BLOB = DataType("BLOB")
DATE = DataType("DATE")
TIMESTAMP = DataType("TIMESTAMP")
#: The type of a bare NULL, as DuckDB writes it: of columns of results only.
UNTYPED = DataType('"NULL"')


def decimal(width: int, scale: int) -> DataType:
    """DECIMAL(width, scale), 1 <= width <= 38 and 0 <= scale <= width."""
    return DataType("DECIMAL", width, scale)


_DECIMAL_TEXT = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


@lru_cache(maxsize=256)
def parse(text: str) -> DataType:
    """The type that DuckDB (or :meth:`DataType.__str__`) writes as ``text``."""
    if match := _DECIMAL_TEXT.fullmatch(text):
        return decimal(int(match[1]), int(match[2]))
    return DataType(text)


_ARROW_SIMPLE: dict[str, pa.DataType] = {
    "BOOLEAN": pa.bool_(),
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "UTINYINT": pa.uint8(),
    "USMALLINT": pa.uint16(),
    "UINTEGER": pa.uint32(),
    "UBIGINT": pa.uint64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "TIMESTAMP_S": pa.timestamp("s"),
    "TIMESTAMP_MS": pa.timestamp("ms"),
    "TIMESTAMP": pa.timestamp("us"),
    "TIMESTAMP_NS": pa.timestamp("ns"),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
    "VARCHAR": pa.string(),
    "UUID": pa.string(),
    "BLOB": pa.binary(),
    "HUGEINT": pa.decimal128(38, 0),
    "INTERVAL": pa.month_day_nano_interval(),
}


def list_of(dtype: DataType) -> DataType:
    """The type of lists of ``dtype``."""
    return DataType(f"{dtype}[]")


def element_of(dtype: DataType) -> DataType | None:
    """The type of a list's elements; None if ``dtype`` is no list."""
    return parse(dtype.name[:-2]) if dtype.name.endswith("[]") else None


_LABEL = re.compile(r"'((?:[^']|'')*)'")


def enum_of(labels: Sequence[str]) -> DataType:
    """The ENUM type with these labels, in their order."""
    quoted = ("'" + label.replace("'", "''") + "'" for label in labels)
    return DataType(f"ENUM({', '.join(quoted)})")


@lru_cache(maxsize=256)
def labels_of(dtype: DataType) -> tuple[str, ...]:
    """The labels of an ENUM type, in order."""
    return tuple(label.replace("''", "'") for label in _LABEL.findall(dtype.name))


def enum_dtype(dtype: DataType) -> np.dtype[Any]:
    """The numpy dtype of an ENUM's values, unsigned, as wide as DuckDB's."""
    count = len(labels_of(dtype))
    return np.dtype(np.uint8 if count < 2**8 else np.uint16 if count < 2**16 else np.uint32)


#: Nested types whose values leave DuckDB in one way, whatever the zone of its session.
_NESTED = re.compile(r"(?!.*TIMESTAMP WITH TIME ZONE)((STRUCT|MAP)\(.*\)|.*\[\])", re.DOTALL)


@lru_cache(maxsize=256)
def to_arrow(dtype: DataType) -> pa.DataType:
    """The Arrow type in which values of a SQL type that DuckDB names leave Locality: that of DuckDB."""
    if dtype.is_decimal:
        return pa.decimal128(dtype.width, dtype.scale)
    if dtype == UNTYPED:
        return pa.null()
    if dtype.is_enum:
        return pa.dictionary(pa.from_numpy_dtype(enum_dtype(dtype)), pa.string())
    if dtype.name in _ARROW_SIMPLE:
        return _ARROW_SIMPLE[dtype.name]
    found = nested.arrow_type(dtype.name) if _NESTED.fullmatch(dtype.name) else None
    if found is None:
        raise SchemaError(f"type {dtype} has no fixed Arrow representation")
    return found


_ARROW_ALIASES: list[tuple[Callable[[pa.DataType], bool], str]] = [
    (pa.types.is_large_string, "VARCHAR"),
    (pa.types.is_string_view, "VARCHAR"),
    (pa.types.is_large_binary, "BLOB"),
    (pa.types.is_binary_view, "BLOB"),
    (pa.types.is_fixed_size_binary, "BLOB"),
    (pa.types.is_date64, "DATE"),
    (lambda arrow: pa.types.is_time(arrow) and arrow.unit != "ns", "TIME"),
    (pa.types.is_float16, "FLOAT"),
    (pa.types.is_duration, "INTERVAL"),
    (lambda arrow: getattr(arrow, "extension_name", None) == "arrow.uuid", "UUID"),
    (pa.types.is_null, "INTEGER"),
]


def from_arrow(arrow: pa.DataType) -> DataType:
    """The SQL type of an Arrow type, by DuckDB's rules; a nested type keeps its Arrow text as its name.

    So do times, and timestamps with a zone, of nanoseconds: DuckDB has types of their own for them, which microseconds
    would not do justice.
    """
    if pa.types.is_dictionary(arrow) or pa.types.is_run_end_encoded(arrow):
        return from_arrow(arrow.value_type)
    if pa.types.is_decimal(arrow):
        if arrow.precision > 38:
            raise SchemaError(f"decimals have at most 38 digits, not {arrow.precision}")
        if not 0 <= arrow.scale <= arrow.precision:
            raise SchemaError(f"decimals of {arrow.precision} digits have 0 to as many decimals, not {arrow.scale}")
        return decimal(arrow.precision, arrow.scale)
    if pa.types.is_timestamp(arrow) and arrow.tz is not None and arrow.unit != "ns":
        return DataType("TIMESTAMP WITH TIME ZONE")
    for name, simple in _ARROW_SIMPLE.items():
        if arrow == simple and name not in ("HUGEINT", "UUID"):
            return DataType(name)
    for test, name in _ARROW_ALIASES:
        if test(arrow):
            return DataType(name)
    return DataType(str(arrow))
