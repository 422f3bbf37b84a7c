"""Arrow in: the canonical (cheapest faithful) encoded form of an Arrow array, without a Python loop over rows.

INTEGER and FLOAT types become ``plain``; strings become ``text``, or ``dictionary`` if Arrow already holds them so;
values without a fixed Arrow type (nested types) and intervals become ``opaque``. Values under NULL are zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from locality import types
from locality.encodings import bitmaps
from locality.encodings.column import AnyArray, EncodedColumn
from locality.encodings.dictionaries import sorted_dictionary
from locality.errors import SchemaError
from locality.types import DataType, Domain

_PLAIN: dict[str, type[np.generic]] = {
    "BOOLEAN": np.uint8,
    "TINYINT": np.int8,
    "SMALLINT": np.int16,
    "INTEGER": np.int32,
    "UTINYINT": np.uint8,
    "USMALLINT": np.uint16,
    "UINTEGER": np.uint32,
    "UBIGINT": np.uint64,
    "DATE": np.int32,
    "FLOAT": np.float32,
    "DOUBLE": np.float64,
}

_INTERVAL = np.dtype([("months", np.int32), ("days", np.int32), ("nanoseconds", np.int64)])


def plain_dtype(dtype: DataType) -> np.dtype[Any]:
    """The numpy dtype of an INTEGER or FLOAT type's plain values (64-bit ones for decimals, times and timestamps)."""
    return types.enum_dtype(dtype) if dtype.is_enum else np.dtype(_PLAIN.get(dtype.name, np.int64))


def is_fixed(dtype: DataType) -> bool:
    """Whether the type has one Arrow representation; nested types have none."""
    if dtype.domain is Domain.NESTED:
        return False
    try:
        types.to_arrow(dtype)
    except SchemaError:
        return False
    return True


def canonical(array: pa.Array | pa.ChunkedArray, dtype: DataType) -> EncodedColumn:
    """The canonical column of Arrow values that are of SQL type ``dtype``.

    Raises SchemaError if the array's type has no lossless way to ``dtype``'s form (timestamps out of range included).
    """
    array = _flat(array)
    if pa.types.is_null(array.type) and is_fixed(dtype):
        return all_null(dtype, len(array))
    match dtype.domain:
        case Domain.STRING:
            return _strings(array, dtype)
        case Domain.INTEGER | Domain.FLOAT:
            return _plain(array, dtype)
        case Domain.WIDE if dtype.name == "HUGEINT":
            return _plain(array, dtype)
        case _:
            array = _intervals(array) if dtype.name == "INTERVAL" else array
            return EncodedColumn(dtype, "opaque", len(array), validity=bitmaps.from_arrow(array), nested=array)


def _flat(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array, without extension types, run ends, or a dictionary around anything but strings."""
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_run_end_encoded(array.type):
        import pyarrow.compute as pc

        array = pc.run_end_decode(array)
    if pa.types.is_dictionary(array.type) and types.from_arrow(array.type.value_type).domain is not Domain.STRING:
        array = array.dictionary_decode()
    return array


def _plain(array: pa.Array, dtype: DataType) -> EncodedColumn:
    array = _ordinals(array, dtype) if dtype.is_enum else _cast(array, dtype)
    values = _values(array, dtype)
    validity = bitmaps.from_arrow(array)
    if validity is not None:
        invalid = ~bitmaps.to_mask(validity, len(array))
        values = values.copy()
        values[invalid] = 0
    if values.ndim == 2 and dtype.name != "HUGEINT":
        values = narrow_limbs(values)
    return EncodedColumn(dtype, "plain", len(array), codes=values, validity=validity)


def _values(array: pa.Array, dtype: DataType) -> AnyArray:
    """The array's values as numpy sees them: a view except for booleans; (n, 2) limbs for 128 bits."""
    buffer = array.buffers()[1]
    start, stop = array.offset, array.offset + len(array)
    if pa.types.is_boolean(array.type):
        bits = np.frombuffer(buffer, dtype=np.uint8) if buffer is not None else np.zeros(0, dtype=np.uint8)
        return np.unpackbits(bits, count=stop, bitorder="little")[start:]
    element = np.dtype(np.int64) if pa.types.is_decimal(array.type) else plain_dtype(dtype)
    if buffer is None:
        buffer = b""
    if pa.types.is_decimal(array.type):
        limbs: AnyArray = np.frombuffer(buffer, dtype=element, count=2 * stop).reshape(-1, 2)
        return limbs[start:]
    return np.frombuffer(buffer, dtype=element, count=stop)[start:]


def narrow_limbs(limbs: AnyArray) -> AnyArray:
    """The low limbs alone, int64 of shape (n,), if every high limb is only their sign; the (n, 2) limbs otherwise."""
    low, high = np.ascontiguousarray(limbs[:, 0]), limbs[:, 1]
    if len(low) and low.min() >= 0:
        return limbs if high.min() or high.max() else low
    return low if np.array_equal(high, low >> 63) else limbs


def _cast(array: pa.Array, dtype: DataType) -> pa.Array:
    """The array as the one Arrow type that ``dtype``'s plain values are read from."""
    target = types.to_arrow(dtype)
    source = array.type
    if source == target:
        return array
    try:
        return array.cast(target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SchemaError(f"values of Arrow type {source} can't be read as {dtype}: {error}") from None


def _intervals(array: pa.Array) -> pa.Array:
    """Durations and intervals as DuckDB has them, which count microseconds; raises SchemaError for longer durations."""
    if pa.types.is_duration(array.type):
        try:
            whole = array.cast(pa.duration("us"), safe=array.type.unit != "ns").cast(pa.duration("ns"))
        except pa.ArrowInvalid as error:
            raise SchemaError(f"a duration is too long for an interval: {error}") from None
        parts = np.zeros(len(array), _INTERVAL)
        parts["nanoseconds"] = whole.cast(pa.int64()).fill_null(0).to_numpy()
    else:
        stop = array.offset + len(array)
        parts = np.frombuffer(array.buffers()[1] or b"", _INTERVAL, stop)[array.offset :].copy()
        parts["nanoseconds"] -= np.fmod(parts["nanoseconds"], 1000)
    validity = bitmaps.to_buffer(bitmaps.from_arrow(array))
    return pa.Array.from_buffers(pa.month_day_nano_interval(), len(array), [validity, pa.py_buffer(parts)])


def _ordinals(array: pa.Array, dtype: DataType) -> pa.Array:
    """The places of strings among an ENUM's labels; raises SchemaError for one that is none of them."""
    import pyarrow.compute as pc

    labels = pa.array(types.labels_of(dtype), pa.string())
    if pa.types.is_dictionary(array.type):
        entries = pc.index_in(array.dictionary.cast(pa.string()), labels)
        places = entries.take(array.indices)
    else:
        places = pc.index_in(_cast(array, types.VARCHAR), labels)
    if places.null_count != array.null_count:
        raise SchemaError(f"a value is none of {dtype}")
    return places.cast(pa.from_numpy_dtype(types.enum_dtype(dtype)))


def _strings(array: pa.Array, dtype: DataType) -> EncodedColumn:
    validity = bitmaps.from_arrow(array)
    if pa.types.is_dictionary(array.type):
        return _dictionary_strings(array, dtype)
    if dtype.name == "UUID" and pa.types.is_fixed_size_binary(array.type):
        array = _uuid_texts(array)
    if not _is_plain_string(array.type):
        fixed = pa.types.is_fixed_size_binary(array.type)
        array = array.cast(pa.binary() if fixed else pa.large_binary() if dtype.name == "BLOB" else pa.large_string())
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    _, offset_buffer, data_buffer = array.buffers()
    if offset_buffer is None or len(array) == 0:
        offsets = np.zeros(len(array) + 1, dtype=np.int64)
    else:
        element = np.int64 if wide else np.int32
        raw = np.frombuffer(offset_buffer, dtype=element, count=array.offset + len(array) + 1)
        offsets = raw[array.offset :].astype(np.int64, copy=False)
    data = np.zeros(0, dtype=np.uint8) if data_buffer is None else np.frombuffer(data_buffer, dtype=np.uint8)
    return EncodedColumn(dtype, "text", len(array), validity=validity, offsets=offsets, data=data)


def _uuid_texts(array: pa.Array) -> pa.Array:
    """UUIDs of 16 bytes as they are written, in hexadecimal digits and hyphens; NULLs as zeros."""
    stop = array.offset + len(array)
    raw = np.frombuffer(array.buffers()[1] or b"", np.uint8, 16 * stop).reshape(-1, 16)[array.offset :]
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)[np.stack([raw >> 4, raw & 15], axis=2).reshape(-1, 32)]
    texts = np.insert(digits, (8, 12, 16, 20), ord("-"), axis=1)
    offsets = np.arange(len(array) + 1, dtype=np.int64) * 36
    return pa.Array.from_buffers(pa.large_string(), len(array), [None, pa.py_buffer(offsets), pa.py_buffer(texts)])


def _is_plain_string(arrow: pa.DataType) -> bool:
    test = pa.types
    tests = (test.is_string, test.is_binary, test.is_large_string, test.is_large_binary)
    return any(is_type(arrow) for is_type in tests)


def _dictionary_strings(array: pa.DictionaryArray, dtype: DataType) -> EncodedColumn:
    """Codes into a sorted dictionary; the array's own may be unsorted, have duplicates, and even NULLs."""
    dictionary, ranks = sorted_dictionary(array.dictionary, dtype)
    narrow = code_dtype(len(dictionary) - 1)
    if array.null_count == 0 and len(array) and ranks.min(initial=0) >= 0:
        element = array.indices.type.to_pandas_dtype()
        rows = np.frombuffer(array.indices.buffers()[1], dtype=element, count=array.offset + len(array))
        rows = rows[array.offset :]
        _check_indices(rows, len(ranks))
        codes = ranks.astype(narrow).take(rows, mode="clip")
        return EncodedColumn(dtype, "dictionary", len(array), codes=codes, dictionary=dictionary)
    indices = array.indices.cast(pa.int64())
    positions = _values(indices, types.BIGINT)
    valid = np.ones(len(array), dtype=np.bool_)
    validity = bitmaps.from_arrow(indices)
    if validity is not None:
        valid = bitmaps.to_mask(validity, len(array))
        positions = np.where(valid, positions, 0)
    if valid.any():
        _check_indices(positions, len(ranks))
    codes = ranks[positions] if len(ranks) else np.full(len(array), -1, dtype=np.int32)
    valid &= codes >= 0
    return EncodedColumn(
        dtype,
        "dictionary",
        len(array),
        codes=np.where(valid, codes, 0).astype(narrow),
        validity=bitmaps.from_mask(valid),
        dictionary=dictionary,
    )


def _check_indices(rows: AnyArray, entries: int) -> None:
    """Raise SchemaError unless all ``rows`` (at least one) are positions in a dictionary of so many ``entries``."""
    if rows.min() < 0 or rows.max() >= entries:
        row = int(np.argmax((rows < 0) | (rows >= entries)))
        raise SchemaError(f"row {row} names entry {rows[row]} of a dictionary of {entries} entries")


def code_dtype(greatest: int) -> np.dtype[Any]:
    """The narrowest unsigned dtype that holds codes 0 to ``greatest``."""
    return np.min_scalar_type(max(0, greatest))


def text_array(column: EncodedColumn) -> pa.Array:
    """A ``text`` column as a large_string or large_binary array, without copying."""
    assert column.offsets is not None
    assert column.data is not None
    arrow = pa.large_binary() if column.type.name == "BLOB" else pa.large_string()
    buffers = [bitmaps.to_buffer(column.validity), pa.py_buffer(column.offsets), pa.py_buffer(column.data)]
    return pa.Array.from_buffers(arrow, column.length, buffers)


def all_null(dtype: DataType, length: int) -> EncodedColumn:
    """A canonical column of NULLs, of a type with a fixed Arrow representation; raises SchemaError for others."""
    validity = np.zeros((length + 7) // 8, dtype=np.uint8) if length else None
    match dtype.domain:
        case Domain.STRING:
            offsets, data = np.zeros(length + 1, dtype=np.int64), np.zeros(0, dtype=np.uint8)
            return EncodedColumn(dtype, "text", length, validity=validity, offsets=offsets, data=data)
        case Domain.INTEGER | Domain.FLOAT:
            return EncodedColumn(dtype, "plain", length, codes=np.zeros(length, plain_dtype(dtype)), validity=validity)
        case _ if dtype.name == "HUGEINT":
            limbs = np.zeros((length, 2), dtype=np.int64)
            return EncodedColumn(dtype, "plain", length, codes=limbs, validity=validity)
        case _:
            return EncodedColumn(
                dtype, "opaque", length, validity=validity, nested=pa.nulls(length, types.to_arrow(dtype))
            )
