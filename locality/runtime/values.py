"""Arrow columns to the Python values that DuckDB's client returns for each SQL type.

The common types are converted here, without DuckDB. Types that need its rules (nested ones, BIT, TIMETZ, ...) and
values outside of what Python's own types hold (dates before year 1 or after 9999) go through DuckDB's client.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    import pyarrow as pa

Converter = Callable[["pa.ChunkedArray[Any]"], list[Any]]

_MICROSECONDS_A_DAY = 86_400_000_000


def column_values(column: pa.ChunkedArray[Any], type_name: str) -> list[Any]:
    """The values of ``column`` as Python objects, None for NULL.

    Args:
        column: values in the Arrow type that DuckDB exports for the SQL type.
        type_name: the SQL type as DuckDB writes it.

    Raises:
        duckdb.Error: DuckDB has no Python value for it (an INTERVAL of more than 999,999,999 days, for one).
    """
    import pyarrow as pa

    convert = _DIRECT.get(type_name)
    if convert is None and type_name.startswith("DECIMAL("):
        convert = _as_arrow
    if convert is None and type_name.startswith("ENUM("):
        convert = _as_arrow
    if convert is not None and not isinstance(column.type, pa.BaseExtensionType):
        try:
            return convert(column)
        except (OverflowError, ValueError):
            pass  # outside of Python's range: DuckDB gives text or the nearest value, by its own rules
    return _through_duckdb(column, type_name)


def _through_duckdb(column: pa.ChunkedArray[Any], type_name: str) -> list[Any]:
    import pyarrow as pa

    from locality.runtime.relation import as_relation

    relation = as_relation(pa.table([column], names=["value"]), ["value"], [type_name])
    return [row[0] for row in relation.fetchall()]


def _as_arrow(column: pa.ChunkedArray[Any]) -> list[Any]:
    return column.to_pylist()


def _hugeints(column: pa.ChunkedArray[Any]) -> list[Any]:
    return [None if value is None else int(value) for value in column.to_pylist()]


def _unsigned_hugeints(column: pa.ChunkedArray[Any]) -> list[Any]:
    """Arrow's decimals are signed, so the upper half of the range arrives as negative numbers."""
    return [None if value is None else int(value) % 2**128 for value in column.to_pylist()]


def _uuids(column: pa.ChunkedArray[Any]) -> list[Any]:
    return [None if value is None else UUID(value) for value in column.to_pylist()]


def _times(column: pa.ChunkedArray[Any]) -> list[Any]:
    """TIME allows 24:00:00, which Python's time does not; DuckDB gives the text then."""
    import pyarrow as pa

    values = column.to_pylist()
    if datetime.time() in values:
        midnight_or_after = column.cast(pa.int64()).to_pylist()
        values = [
            "24:00:00" if micros == _MICROSECONDS_A_DAY else value
            for value, micros in zip(values, midnight_or_after, strict=True)
        ]
    return values


def _zoned_timestamps(column: pa.ChunkedArray[Any]) -> list[Any]:
    """Aware datetimes in the zone that the column's type names (DuckDB's client uses pytz's zones)."""
    import pyarrow as pa
    import pytz

    if not pa.types.is_timestamp(column.type):
        raise ValueError(f"not timestamps: {column.type}")
    zone = pytz.timezone(column.type.tz or "UTC")
    naive: list[Any] = column.cast(pa.timestamp("us")).to_pylist()
    return [None if value is None else zone.fromutc(value) for value in naive]


def _intervals(column: pa.ChunkedArray[Any]) -> list[Any]:
    """A month counts 30 days, as in DuckDB's client."""
    return [
        None
        if value is None
        else datetime.timedelta(days=30 * value.months + value.days, microseconds=value.nanoseconds // 1000)
        for value in column.to_pylist()
    ]


_DIRECT: dict[str, Converter] = {
    **dict.fromkeys(
        (
            "BOOLEAN",
            "TINYINT",
            "SMALLINT",
            "INTEGER",
            "BIGINT",
            "UTINYINT",
            "USMALLINT",
            "UINTEGER",
            "UBIGINT",
            "FLOAT",
            "DOUBLE",
            "VARCHAR",
            "BLOB",
            "DATE",
            "TIMESTAMP_S",
            "TIMESTAMP_MS",
            "TIMESTAMP",
            "JSON",
            '"NULL"',
        ),
        _as_arrow,
    ),
    "HUGEINT": _hugeints,
    "UHUGEINT": _unsigned_hugeints,
    "UUID": _uuids,
    "TIME": _times,
    "TIMESTAMP WITH TIME ZONE": _zoned_timestamps,
    "INTERVAL": _intervals,
}
