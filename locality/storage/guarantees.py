"""What is certain of the values in each zone, as pyarrow expressions: Arrow proves filters false by them.

What Arrow does for the statistics of Parquet's row groups does the proofs, so a filter means here what it means to
Arrow: https://arrow.apache.org/docs/cpp/api/dataset.html ("partition expression").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from locality.encodings import EncodedColumn, decode
from locality.storage.segment import Segment
from locality.storage.zones import Bounds, Zones, ordered_keys

_NAN = int(ordered_keys(np.array([np.nan]))[0])
_COMPARED = (
    *(pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_date, pa.types.is_time),
    *(pa.types.is_timestamp, pa.types.is_string, pa.types.is_binary),
)


def zone_guarantees(segment: Segment, index: int, field: pa.Field) -> Iterator[ds.Expression]:
    """One expression for each zone of a column, true in each of its rows; ``field`` has its name and Arrow type."""
    zones = segment.zones(index)
    column = ds.field(field.name)
    sizes = np.minimum(segment.zone_rows, segment.row_count - np.arange(len(zones)) * segment.zone_rows)
    bounds = _bounds(segment, index, field.type, zones)
    for nulls, size, (low, high) in zip(zones.nulls, sizes, bounds, strict=True):
        if nulls == size:
            yield column.is_null()
            continue
        known = ds.scalar(True)
        for certain in ([] if low is None else [column >= low]) + ([] if high is None else [column <= high]):
            known = known & (certain | column.is_null() if nulls else certain)
        yield known


def _bounds(
    segment: Segment, index: int, dtype: pa.DataType, zones: Zones
) -> Iterator[tuple[pa.Scalar | None, pa.Scalar | None]]:
    """The least and the greatest value of each zone, or values beyond them; None where they are not known."""
    if not any(compared(dtype) for compared in _COMPARED):
        return iter([(None, None)] * len(zones))
    if zones.prefix_minimum is not None and zones.prefix_maximum is not None:
        pairs = zip(zones.prefix_minimum, zones.prefix_maximum, strict=True)
        return ((_text(low, dtype, cut=True), _text(high, dtype, cut=False)) for low, high in pairs)
    if zones.minimum is None or zones.maximum is None:
        return iter([(None, None)] * len(zones))
    column = segment.column(index)
    known = (zones.minimum <= zones.maximum) & ~((zones.maximum == _NAN) & pa.types.is_floating(dtype))
    least = _decoded(column, np.where(known, zones.minimum, 0), dtype)  # 0 is a code of every encoding
    greatest = _decoded(column, np.where(known, zones.maximum, 0), dtype)
    found = zip(known, least, greatest, strict=True)
    return ((low, high) if certain else (None, None) for certain, low, high in found)


def _decoded(column: EncodedColumn, codes: Bounds, dtype: pa.DataType) -> pa.Array:
    """The values that codes of this column mean."""
    match column.encoding:
        case "constant":
            return decode(replace(column, length=len(codes), validity=None))
        case "rle":
            kind = "frame" if column.dictionary is None else "dictionary"
            column = replace(column, encoding=kind, run_ends=None)
        case _:
            pass
    assert column.codes is not None
    if pa.types.is_floating(dtype):
        return pa.array(np.where(codes < 0, codes ^ np.int64(2**63 - 1), codes).view(np.float64)).cast(dtype)
    return decode(column.recoded(codes.astype(column.codes.dtype), None))


def _text(value: bytes | None, dtype: pa.DataType, *, cut: bool) -> pa.Scalar | None:
    """A bound of text; ``cut``: bytes at its end may be those of half a character, and may go."""
    if value is None or pa.types.is_binary(dtype):
        return None if value is None else pa.scalar(value, dtype)
    try:
        return pa.scalar(value.decode("utf-8", "ignore" if cut else "strict"), dtype)
    except UnicodeDecodeError:
        return None
