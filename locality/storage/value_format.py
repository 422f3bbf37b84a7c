"""Columns without codes, in a segment's values file: raw text and nested values, LZ4-compressed, a batch a zone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from locality.encodings import EncodedColumn, bitmaps, canonical, concat
from locality.encodings.canonical import text_array
from locality.storage.segment_format import describe, metadata
from locality.storage.zones import ZONE_ROWS
from locality.types import DataType

#: The encodings that are stored here.
ENCODINGS = frozenset({"text", "opaque"})

_GREATEST_OFFSET = 2**31 - 1


def write(sink: pa.NativeFile, columns: Sequence[tuple[EncodedColumn, str]], rows: int) -> None:
    """Writes named columns of ``rows`` rows; text is a string or binary array, its large kind only beyond 2 GiB."""
    arrays = [_array(column) for column, _ in columns]
    fields = [
        pa.field(name, array.type, metadata=describe(column))
        for (column, name), array in zip(columns, arrays, strict=True)
    ]
    schema = pa.schema(fields, metadata={b"locality.rows": str(rows).encode()})
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(sink, schema, options=options) as writer:
        for start in range(0, rows, ZONE_ROWS):
            zone = [array.slice(start, ZONE_ROWS) for array in arrays]
            writer.write_batch(pa.RecordBatch.from_arrays(zone, schema=schema))


def read_schema(path: Path) -> pa.Schema:
    """The schema of a values file."""
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).schema


def read(path: Path, position: int, dtype: DataType, rows: int) -> EncodedColumn:
    """The column at ``position`` in the schema, decompressed; raises ValueError with the reason if it is damaged."""
    with pa.memory_map(str(path)) as source:
        # Reading one field leaves the others compressed, and unread.
        options = pa.ipc.IpcReadOptions(included_fields=[position], use_threads=False)
        reader = pa.ipc.open_file(source, options=options)
        entries = metadata(reader.schema.field(0))
        if entries["type"] != str(dtype) or entries["encoding"] not in ENCODINGS:
            raise ValueError(f"it is {entries['encoding']} of {entries['type']} instead of values of {dtype}")
        zones = [
            _zone(reader.get_batch(index).column(0), dtype, entries["encoding"])
            for index in range(reader.num_record_batches)
        ]
    expected = [min(ZONE_ROWS, rows - start) for start in range(0, rows, ZONE_ROWS)]
    if [zone.length for zone in zones] != expected or any(z.encoding != entries["encoding"] for z in zones):
        raise ValueError(f"its record batches do not hold the {rows} rows zone by zone")
    return concat(zones)


def memory_bytes(column: EncodedColumn) -> int:
    """Bytes of memory that a column from here takes; 0 for columns that are views of a memory map."""
    if column.encoding == "opaque":
        assert column.nested is not None
        return int(column.nested.nbytes)
    arrays = (column.offsets, column.data) if column.encoding == "text" else ()
    return sum(array.nbytes for array in arrays if array is not None)


def _array(column: EncodedColumn) -> pa.Array:
    if column.encoding == "opaque":
        return column.nested
    assert column.offsets is not None
    array = text_array(column)
    if int(column.offsets[-1] - column.offsets[0]) > _GREATEST_OFFSET:
        return array
    return array.cast(pa.binary() if column.type.name == "BLOB" else pa.string())


def _zone(array: pa.Array, dtype: DataType, encoding: str) -> EncodedColumn:
    """A zone's values; what was written as ``opaque``, as UUID and ENUM were at first, stays so."""
    array.validate()
    if encoding == "opaque":
        array.validate(full=True)
        return EncodedColumn(dtype, "opaque", len(array), validity=bitmaps.from_arrow(array), nested=array)
    column = canonical(array, dtype)
    if column.offsets is None:
        array.validate(full=True)
        return column
    assert column.data is not None
    if column.offsets[0] < 0 or column.offsets[-1] > len(column.data) or (np.diff(column.offsets) < 0).any():
        raise ValueError("the offsets of its text are out of order")
    return column
