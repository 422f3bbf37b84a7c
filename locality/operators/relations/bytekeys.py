"""Keys that no word of 64 bits holds, as strings of bytes that are equal where SQL has the values equal.

Integers take the 16 bytes of their two's complement; intervals their months, days and microseconds after DuckDB's
normalisation, by which ``1 month`` equals ``30 days``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality.encodings import EncodedColumn, expand
from locality.encodings.arrow import widen
from locality.errors import Unsupported
from locality.types import DataType

Ints64 = npt.NDArray[np.int64]

_DAYS_A_MONTH = 30
_MICROS_A_DAY = 86_400_000_000
_ARROW_INTERVAL = np.dtype([("months", np.int32), ("days", np.int32), ("nanos", np.int64)])
_BLOB = DataType("BLOB")


def as_bytes(column: EncodedColumn) -> EncodedColumn:
    """The column as a ``text`` one, every value of the same length; raises Unsupported for types that have no words."""
    flat = expand(column)
    if column.type.name == "INTERVAL":
        words = np.stack(interval_parts(flat), axis=1)
    else:
        words = _limbs(flat)
    words = np.ascontiguousarray(words)
    length = words.shape[1] * words.itemsize
    offsets = np.arange(flat.length + 1, dtype=np.int64) * length
    data = words.view(np.uint8).reshape(-1)
    return EncodedColumn(_BLOB, "text", flat.length, validity=flat.validity, offsets=offsets, data=data)


def _limbs(flat: EncodedColumn) -> Ints64:
    codes = flat.codes
    if codes is None or codes.dtype.kind not in "iu":
        raise Unsupported(f"a join on {flat.type} keys")
    if codes.ndim == 2:
        return codes
    if codes.dtype == np.uint64:
        return np.stack([codes.view(np.int64), np.zeros(len(codes), np.int64)], axis=1)
    return widen(codes)


def within_words(codes: npt.NDArray[Any], outside: int) -> npt.NDArray[Any]:
    """Codes of 128 bits as ones of 64, ``outside`` for those that are more; others as they are."""
    if codes.ndim == 1:
        return codes
    low, high = codes[:, 0], codes[:, 1]
    return np.where(high == low >> 63, low, np.int64(outside))


def interval_parts(column: EncodedColumn) -> tuple[Ints64, Ints64, Ints64]:
    """Months, days and microseconds of intervals, none negative but months; anything under NULL.

    That is how DuckDB normalises intervals to compare them: they order as the triples do.
    """
    assert column.nested is not None
    values = _values(column.nested)
    more, micros = np.divmod(values["nanos"] // 1000, _MICROS_A_DAY)
    whole, days = np.divmod(values["days"].astype(np.int64) + more, _DAYS_A_MONTH)
    return values["months"].astype(np.int64) + whole, days, micros


def _values(array: pa.Array) -> npt.NDArray[Any]:
    buffer = array.buffers()[1]
    stop = array.offset + len(array)
    return np.frombuffer(b"" if buffer is None else buffer, _ARROW_INTERVAL, count=stop)[array.offset :]
