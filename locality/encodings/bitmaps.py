"""Validity bitmaps in Arrow's layout: least significant bit first, bit 1 valid, offset 0, as uint8 arrays.

``None`` stands for "no NULLs" everywhere. Bits behind the last row are arbitrary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bitmap = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def from_arrow(array: pa.Array) -> Bitmap | None:
    """The validity of a flat Arrow array with any offset; None without NULLs. Zero-copy where the offset allows it."""
    if array.null_count == 0:
        return None
    buffer = array.buffers()[0]
    if buffer is None:  # the null type: every row is NULL and there is no buffer
        return np.zeros((len(array) + 7) // 8, dtype=np.uint8)
    return slice_bits(np.frombuffer(buffer, dtype=np.uint8), array.offset, array.offset + len(array))


def to_mask(bitmap: Bitmap, length: int) -> Mask:
    """One boolean per row, true where the row is valid."""
    return np.unpackbits(bitmap, count=length, bitorder="little").view(np.bool_)


def from_mask(mask: Mask) -> Bitmap | None:
    """The bitmap of a mask of valid rows; None if all are valid."""
    return None if mask.all() else np.packbits(mask, bitorder="little")


def null_count(bitmap: Bitmap | None, length: int) -> int:
    """Rows that are NULL among the first ``length``."""
    if bitmap is None:
        return 0
    whole, rest = divmod(length, 8)
    valid = int(np.bitwise_count(bitmap[:whole]).sum(dtype=np.int64))
    if rest:
        valid += (int(bitmap[whole]) & ((1 << rest) - 1)).bit_count()
    return length - valid


def slice_bits(bitmap: Bitmap, start: int, stop: int) -> Bitmap:
    """Bits ``start`` to ``stop``, moved to offset 0; a view if ``start`` lies on a byte."""
    first, shift = divmod(start, 8)
    part = bitmap[first : (stop + 7) // 8]
    if shift == 0:
        return part
    moved: Bitmap = part >> np.uint8(shift)
    moved[:-1] |= part[1:] << np.uint8(8 - shift)
    return moved[: (stop - start + 7) // 8]


def take(bitmap: Bitmap | None, positions: npt.NDArray[np.int64]) -> Bitmap | None:
    """The bits at ``positions``; None if all of these are valid."""
    if bitmap is None:
        return None
    bits = (bitmap[positions >> 3] >> (positions & 7).astype(np.uint8)) & np.uint8(1)
    return from_mask(bits.view(np.bool_))


def concat(parts: Sequence[tuple[Bitmap | None, int]]) -> Bitmap | None:
    """The bitmap of parts (bitmap, length) laid end to end."""
    if all(bitmap is None for bitmap, _ in parts):
        return None
    masks = [np.ones(n, dtype=np.bool_) if bitmap is None else to_mask(bitmap, n) for bitmap, n in parts]
    return from_mask(np.concatenate(masks))


def to_buffer(bitmap: Bitmap | None) -> pa.Buffer | None:
    """As an Arrow buffer, without copying."""
    return None if bitmap is None else pa.py_buffer(np.ascontiguousarray(bitmap))
