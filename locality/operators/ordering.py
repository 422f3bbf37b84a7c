"""Sort keys as integers, and the order of rows by them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, expand
from locality.encodings.arrow import to_dictionary
from locality.encodings.bitmaps import to_mask
from locality.errors import Unsupported
from locality.storage.zones import ordered_keys

Keys = npt.NDArray[np.int64]
_SIGN = np.uint64(2**63)

#: Rows up to which packing the keys costs more than it saves.
_FEW = 512


def sort_keys(column: EncodedColumn, descending: bool, nulls_first: bool) -> list[Keys]:
    """int64 arrays, the most significant first, that order rows as SQL orders the column; shape (length,) each."""
    flat = expand(column)
    if flat.encoding == "text":
        flat = to_dictionary(flat)
    if flat.codes is None:
        raise Unsupported(f"ORDER BY a column of {column.type}")
    keys = _value_keys(flat)
    if descending:
        keys = [~key for key in keys]
    if flat.validity is None:
        return keys
    valid = to_mask(flat.validity, flat.length)
    keys = [np.where(valid, key, 0) for key in keys]
    return [np.where(valid, 0, -1 if nulls_first else 1).astype(np.int64), *keys]


def _value_keys(column: EncodedColumn) -> list[Keys]:
    codes = column.codes
    assert codes is not None
    if codes.ndim == 2:
        low = (codes[:, 0].view(np.uint64) ^ _SIGN).view(np.int64)
        return [np.ascontiguousarray(codes[:, 1]), low]
    if codes.dtype.kind == "f":
        return [ordered_keys(codes)]
    if codes.dtype == np.uint64:
        return [(codes ^ _SIGN).view(np.int64)]
    return [codes.astype(np.int64)]


def order_of(keys: Sequence[Keys], first: int | None = None) -> npt.NDArray[np.int64]:
    """Positions of the rows in ascending order of the keys, all or the ``first`` ones; equal rows keep their order."""
    if first is not None and 0 < 4 * first < len(keys[0]):
        bound = np.partition(keys[0], first - 1)[first - 1]
        near = np.flatnonzero(keys[0] <= bound)
        return near[order_of([key[near] for key in keys])[:first]]
    packed = _packed(keys) if len(keys[0]) > _FEW else None
    if packed is not None:
        combined, row_bits = packed
        combined.sort()
        return (combined & ((1 << row_bits) - 1))[:first]
    return np.lexsort(tuple(reversed(keys)))[:first]


def _packed(keys: Sequence[Keys]) -> tuple[Keys, int] | None:
    """All keys and the row's position in one int64, and the bits of the position; None if they do not fit.

    Sorting such integers is several times faster than sorting positions by keys, and stable.
    """
    rows = len(keys[0])
    row_bits = (rows - 1).bit_length()
    lows = [int(key.min()) for key in keys]
    bits = [max(int(key.max()) - low, 1).bit_length() for key, low in zip(keys, lows, strict=True)]
    if sum(bits) + row_bits > 63:
        return None
    combined = np.zeros(rows, dtype=np.int64)
    for key, low, width in zip(keys, lows, bits, strict=True):
        combined <<= width
        combined |= key - low
    combined <<= row_bits
    combined |= np.arange(rows, dtype=np.int64)
    return combined, row_bits
