"""How an encoded column lies in an Arrow IPC file: its Arrow array, and the field metadata that documents it.

Any Arrow tool sees the codes. The metadata of a field says what they mean:

- ``locality.type``: the SQL type; ``locality.encoding``: the encoding's name;
- ``locality.base``, ``locality.factor``: an integer value is ``base + factor * code`` (``frame``, ``scaled``, ``rle``);
- ``locality.dictionary``: the key of the dictionary file whose entry number ``code`` is the value;
- ``locality.value``: the value of a ``constant``: a number, a hexadecimal float, or a string's bytes in hexadecimal.

Booleans are uint8, decimals of 64 bits their unscaled int64. ``rle`` is run-end encoded. A ``constant`` is of the null
type if no row is NULL, or every row (without ``locality.value``), else a boolean: true where a row has the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality import types
from locality.encodings import Dictionary, EncodedColumn, make_dictionary
from locality.encodings.canonical import plain_dtype
from locality.encodings.column import AnyArray
from locality.encodings.rle import without_runs
from locality.types import DataType, Domain

_PREFIX = b"locality."
_ALIGNMENT = 64


def storable(column: EncodedColumn) -> EncodedColumn:
    """The column as it can be stored: runs over NULLs are expanded, since Arrow's runs have no validity."""
    return without_runs(column) if column.encoding == "rle" and column.validity is not None else column


def to_field(column: EncodedColumn, name: str) -> tuple[pa.Field, pa.Array]:
    """The documented field and the array of a storable column with codes; every buffer is padded to 64 bytes."""
    array = _array(column)
    return pa.field(name, array.type, metadata=describe(column)), array


def describe(column: EncodedColumn) -> dict[bytes, bytes]:
    """The field metadata of a column."""
    entries = {"type": str(column.type), "encoding": column.encoding}
    coded = column.type.domain is Domain.INTEGER and column.encoding not in ("plain", "constant")
    if coded:
        entries |= {"base": str(column.base), "factor": str(column.factor)}
    elif column.dictionary is not None and column.encoding != "constant":
        entries["dictionary"] = column.dictionary.key
    elif column.encoding == "constant" and not column.all_null:
        entries["value"] = _constant_text(column)
    return {_PREFIX + key.encode(): value.encode() for key, value in entries.items()}


def metadata(field: pa.Field) -> dict[str, str]:
    """What :func:`describe` wrote, by short keys; raises ValueError where it is not text."""
    entries = field.metadata or {}
    return {k[len(_PREFIX) :].decode(): v.decode() for k, v in entries.items() if k.startswith(_PREFIX)}


def from_field(
    field: pa.Field, array: pa.Array, dtype: DataType, dictionaries: Mapping[str, Dictionary]
) -> EncodedColumn:
    """The column of a field that :func:`to_field` made, as views of the array's buffers.

    Raises ValueError or KeyError with the reason where array and metadata do not fit each other or ``dtype``, so that
    no code is out of range and no buffer too short.
    """
    array.validate()
    entries = metadata(field)
    if entries["type"] != str(dtype):
        raise ValueError(f"its type is {entries['type']} instead of {dtype}")
    encoding = entries["encoding"]
    if encoding == "constant":
        return _constant(entries, array, dtype)
    if encoding == "plain":
        return _plain(array, dtype)
    dictionary = dictionaries[entries["dictionary"]] if dtype.domain is Domain.STRING else None
    base, factor = int(entries.get("base", "0")), int(entries.get("factor", "1"))
    ends, codes, validity = None, array, None
    if encoding == "rle":
        ends, codes = _runs(array)
    elif encoding in ("frame", "scaled", "dictionary") and (encoding == "dictionary") == (dictionary is not None):
        validity = _validity(array)
    else:
        raise ValueError(f"its encoding {encoding!r} does not fit {dtype}")
    values = _unsigned(codes)
    if dictionary is not None and len(values) and int(values.max()) >= max(1, len(dictionary)):
        raise ValueError(f"it has codes beyond the {len(dictionary)} entries of its dictionary")
    return EncodedColumn(
        dtype,
        encoding,
        len(array),
        codes=values,
        validity=validity,
        base=base,
        factor=factor,
        dictionary=dictionary,
        run_ends=ends,
    )


def padded_buffer(values: AnyArray) -> pa.Buffer:
    """The bytes of an array in a buffer of a multiple of 64 bytes, so that the next one in a file is aligned too."""
    size = -(-values.nbytes // _ALIGNMENT) * _ALIGNMENT
    if size == values.nbytes and values.flags.c_contiguous:
        return pa.py_buffer(values)
    padded = np.zeros(size, dtype=np.uint8)
    padded[: values.nbytes] = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    return pa.py_buffer(padded)


def aligned_schema(fields: list[pa.Field], rows: int, arrays: list[pa.Array]) -> pa.Schema:
    """The schema of a file with one batch of ``arrays``, as long as it takes for the batch to start at 64 bytes."""
    plain = pa.schema(fields, metadata={b"locality.rows": str(rows).encode()})
    if not arrays:
        return plain
    batch_size = pa.ipc.get_record_batch_size(pa.RecordBatch.from_arrays(arrays, schema=plain))
    magic = 8
    for spaces in range(0, 2 * _ALIGNMENT, 4):
        schema = plain.with_metadata({**plain.metadata, b"locality.padding": b" " * spaces})
        # All buffers are multiples of 64 bytes, so the batch's size leaves the rest that its header leaves.
        if (magic + schema.serialize().size + batch_size) % _ALIGNMENT == 0:
            return schema
    raise AssertionError("a schema grows with its metadata in steps of 8 bytes")


def _array(column: EncodedColumn) -> pa.Array:
    bitmap = None if column.validity is None else padded_buffer(column.validity)
    if column.encoding == "constant":
        if bitmap is None:
            return pa.nulls(column.length)
        return pa.Array.from_buffers(pa.bool_(), column.length, [None, bitmap])
    assert column.codes is not None
    codes = padded_buffer(column.codes)
    if column.encoding == "rle":
        assert column.run_ends is not None
        arrow = pa.from_numpy_dtype(column.codes.dtype)
        values = pa.Array.from_buffers(arrow, len(column.codes), [None, codes])
        ends = pa.Array.from_buffers(pa.int32(), len(column.codes), [None, padded_buffer(column.run_ends)])
        return pa.RunEndEncodedArray.from_arrays(ends, values)
    return pa.Array.from_buffers(_arrow_type(column), column.length, [bitmap, codes])


def _arrow_type(column: EncodedColumn) -> pa.DataType:
    assert column.codes is not None
    if column.encoding == "plain" and (column.codes.ndim == 2 or not column.type.is_decimal):
        return _natural(column.type)
    return pa.from_numpy_dtype(column.codes.dtype)


def _natural(dtype: DataType) -> pa.DataType:
    """The Arrow type of plain values, of which a byte or more is one."""
    if dtype.is_enum:
        return pa.from_numpy_dtype(types.enum_dtype(dtype))
    return pa.uint8() if dtype == types.BOOLEAN else types.to_arrow(dtype)


def _plain(array: pa.Array, dtype: DataType) -> EncodedColumn:
    natural = _natural(dtype)
    if array.type != natural and not (dtype.is_decimal and array.type == pa.int64()):
        raise ValueError(f"its Arrow type is {array.type} instead of {natural}")
    if pa.types.is_decimal(array.type):
        values = _view(array, 1, np.dtype(np.int64), 2 * len(array)).reshape(-1, 2)
    else:
        values = _view(array, 1, plain_dtype(dtype), len(array))
    return EncodedColumn(dtype, "plain", len(array), codes=values, validity=_validity(array))


def _constant_text(column: EncodedColumn) -> str:
    match column.value:
        case float():
            return column.value.hex()
        case str():
            return column.value.encode().hex()
        case bytes():
            return column.value.hex()
        case None:
            return str(column.base)


def _constant(entries: Mapping[str, str], array: pa.Array, dtype: DataType) -> EncodedColumn:
    text = entries.get("value")
    if text is None:
        return EncodedColumn(dtype, "constant", len(array), all_null=True)
    validity = None if pa.types.is_null(array.type) else _view(array, 1, np.dtype(np.uint8), (len(array) + 7) // 8)
    constant: dict[str, Any] = {"validity": validity}
    match dtype.domain:
        case Domain.INTEGER:
            constant["base"] = int(text)
        case Domain.FLOAT:
            constant["value"] = float.fromhex(text)
        case _:
            entry = bytes.fromhex(text)
            constant["value"] = entry if dtype.name == "BLOB" else entry.decode()
            constant["dictionary"] = make_dictionary(pa.array([constant["value"]], types.to_arrow(dtype)))
    return EncodedColumn(dtype, "constant", len(array), **constant)


def _runs(array: pa.Array) -> tuple[npt.NDArray[np.int32], pa.Array]:
    if not pa.types.is_run_end_encoded(array.type) or array.type.run_end_type != pa.int32():
        raise ValueError(f"its runs are stored as {array.type}")
    ends = _view(array.run_ends, 1, np.dtype(np.int32), len(array.run_ends))
    rising = np.diff(ends, prepend=np.int32(0)) > 0
    if not rising.all() or len(ends) != len(array.values) or (ends[-1] if len(ends) else 0) != len(array):
        raise ValueError("its runs do not end in ascending order at its last row")
    return ends, array.values


def _unsigned(array: pa.Array) -> AnyArray:
    if not pa.types.is_unsigned_integer(array.type):
        raise ValueError(f"its codes are stored as {array.type}")
    return _view(array, 1, np.dtype(array.type.to_pandas_dtype()), len(array))


def _validity(array: pa.Array) -> npt.NDArray[np.uint8] | None:
    if array.buffers()[0] is None:
        return None
    return _view(array, 0, np.dtype(np.uint8), (len(array) + 7) // 8)


def _view(array: pa.Array, index: int, dtype: np.dtype[Any], count: int) -> AnyArray:
    """The first ``count`` elements of one of the array's buffers; raises ValueError if it is shorter."""
    buffer = array.buffers()[index]
    if buffer is None or count == 0:
        if count:
            raise ValueError("it has no values")
        return np.zeros(0, dtype=dtype)
    return np.frombuffer(buffer, dtype=dtype, count=count)
