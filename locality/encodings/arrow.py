"""Arrow out: canonical columns as arrays of the exact Arrow type in which a SQL type leaves Locality."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from locality import types
from locality.encodings import bitmaps
from locality.encodings.bitmaps import Bitmap
from locality.encodings.canonical import canonical, code_dtype, plain_dtype, text_array
from locality.encodings.column import AnyArray, EncodedColumn
from locality.encodings.dictionaries import sorted_dictionary
from locality.errors import MemoryLimitError
from locality.types import DataType

_GREATEST_OFFSET = 2**31 - 1


def to_arrow(column: EncodedColumn) -> pa.Array:
    """The values of a canonical column as ``types.to_arrow(column.type)``; an ``opaque`` one as the array it holds.

    Raises MemoryLimitError for more than 2 GiB of text, which that type can't hold in one array.
    """
    match column.encoding:
        case "plain":
            assert column.codes is not None
            return plain_to_arrow(column.codes, column.validity, column.type)
        case "dictionary":
            return _dictionary_to_arrow(column)
        case "text":
            return _text_to_arrow(column)
        case _:
            return column.nested


def plain_to_arrow(values: AnyArray, validity: Bitmap | None, dtype: DataType) -> pa.Array:
    """Integers of any width, floats, or (n, 2) limbs for 128 bits."""
    arrow = types.to_arrow(dtype)
    length = len(values)
    if dtype.is_enum:
        return _enum_to_arrow(values, validity, dtype)
    if pa.types.is_boolean(arrow):
        values = np.packbits(values, bitorder="little")
    elif pa.types.is_decimal(arrow):
        values = values if values.ndim == 2 else widen(values)
    else:
        values = values.astype(plain_dtype(dtype), copy=False)
    buffers = [bitmaps.to_buffer(validity), pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(arrow, length, buffers)


def _enum_to_arrow(values: AnyArray, validity: Bitmap | None, dtype: DataType) -> pa.Array:
    """Labels by their places, as an array over the dictionary of all labels."""
    narrow = types.enum_dtype(dtype)
    buffers = [bitmaps.to_buffer(validity), pa.py_buffer(np.ascontiguousarray(values.astype(narrow, copy=False)))]
    places = pa.Array.from_buffers(pa.from_numpy_dtype(narrow), len(values), buffers)
    return pa.DictionaryArray.from_arrays(places, pa.array(types.labels_of(dtype), pa.string()))


def widen(values: AnyArray) -> AnyArray:
    """The (n, 2) int64 limbs of signed integers: low, then the sign."""
    limbs = np.empty((len(values), 2), dtype=np.int64)
    limbs[:, 0] = values
    np.right_shift(limbs[:, 0], 63, out=limbs[:, 1])
    return limbs


def dictionary_indices(column: EncodedColumn) -> pa.Array:
    """The codes of a ``dictionary`` column as an Arrow array of their unsigned type, with the column's NULLs."""
    assert column.codes is not None
    arrow = pa.from_numpy_dtype(column.codes.dtype)
    buffers = [bitmaps.to_buffer(column.validity), pa.py_buffer(np.ascontiguousarray(column.codes))]
    return pa.Array.from_buffers(arrow, column.length, buffers)


def _dictionary_to_arrow(column: EncodedColumn) -> pa.Array:
    assert column.dictionary is not None
    return column.dictionary.values.take(dictionary_indices(column))


def _text_to_arrow(column: EncodedColumn) -> pa.Array:
    assert column.offsets is not None
    assert column.data is not None
    first, last = int(column.offsets[0]), int(column.offsets[-1])
    if last - first > _GREATEST_OFFSET:
        raise MemoryLimitError(f"{last - first} bytes of text in one array; the limit is {_GREATEST_OFFSET}")
    offsets = (column.offsets - first).astype(np.int32)
    buffers = [bitmaps.to_buffer(column.validity), pa.py_buffer(offsets), pa.py_buffer(column.data[first:last])]
    return pa.Array.from_buffers(types.to_arrow(column.type), column.length, buffers)


def to_text(column: EncodedColumn) -> EncodedColumn:
    """A ``dictionary`` or ``text`` column as ``text``, of any size."""
    if column.encoding == "text":
        return column
    assert column.dictionary is not None
    wide = pa.large_binary() if column.type.name == "BLOB" else pa.large_string()
    return canonical(column.dictionary.values.cast(wide).take(dictionary_indices(column)), column.type)


def to_dictionary(column: EncodedColumn) -> EncodedColumn:
    """A ``text`` column over the dictionary of its own values; a ``dictionary`` column as it is."""
    if column.encoding == "dictionary":
        return column
    dictionary, codes = sorted_dictionary(text_array(column), column.type)
    narrow = np.maximum(codes, 0).astype(code_dtype(len(dictionary) - 1))
    return EncodedColumn(
        column.type, "dictionary", column.length, codes=narrow, validity=column.validity, dictionary=dictionary
    )
