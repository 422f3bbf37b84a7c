"""Values as signed integers that order as SQL orders them, those of several columns of one type alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, expand
from locality.encodings.arrow import to_dictionary
from locality.encodings.bitmaps import to_mask
from locality.errors import Unsupported
from locality.storage.zones import ordered_keys

Keys = npt.NDArray[np.int64]
_SIGN = np.uint64(2**63)


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
