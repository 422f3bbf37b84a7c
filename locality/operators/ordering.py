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
    combined = _combined(keys) if len(keys[0]) > _FEW else None
    if combined is None:
        return np.lexsort(tuple(reversed(keys)))[:first]
    return _order_of_one(*combined)[:first]


def _combined(keys: Sequence[Keys]) -> tuple[Keys, int] | None:
    """One key that orders as all of them do, and its bits; None if they do not fit an int64.

    Of up to 63 bits it is not negative.
    """
    lows = [int(key.min()) for key in keys]
    bits = [max(int(key.max()) - low, 1).bit_length() for key, low in zip(keys, lows, strict=True)]
    if sum(bits) > 63:
        return (keys[0], 64) if len(keys) == 1 else None
    combined = np.zeros(len(keys[0]), dtype=np.int64)
    for key, low, width in zip(keys, lows, bits, strict=True):
        combined <<= width
        combined |= key - low
    return combined, sum(bits)


def _order_of_one(key: Keys, bits: int) -> npt.NDArray[np.int64]:
    """The stable order by one key.

    Integers are sorted several times faster than positions by their keys, so where there is room the position is part
    of the key. Else the fastest order is taken, which is not stable, and equal rows are brought back into their own.
    """
    rows = len(key)
    row_bits = (rows - 1).bit_length()
    mask = (1 << row_bits) - 1
    if bits + row_bits <= 63:
        packed = key << row_bits | np.arange(rows, dtype=np.int64)
        packed.sort()
        return packed & mask
    order = np.argsort(key)
    ordered = key[order]
    begins = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    equal = ~begins | ~np.append(begins[1:], True)
    if equal.any():
        packed = np.cumsum(begins)[equal] << row_bits | order[equal]
        packed.sort()
        order[equal] = packed & mask
    return order
