"""Validity bitmaps against lists of booleans."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from locality.encodings import bitmaps

MASKS = st.lists(st.booleans(), max_size=70)


def pack(mask: list[bool]) -> bitmaps.Bitmap:
    """A bitmap whose bits behind the last row are set, as they may be."""
    padded = mask + [True] * (-len(mask) % 8)
    return np.packbits(np.array(padded, dtype=bool), bitorder="little")


def unpack(bitmap: bitmaps.Bitmap | None, length: int) -> list[bool]:
    return [True] * length if bitmap is None else bitmaps.to_mask(bitmap, length).tolist()


@given(MASKS)
def test_masks(mask: list[bool]) -> None:
    bitmap = bitmaps.from_mask(np.array(mask, dtype=bool))
    assert (bitmap is None) == all(mask)
    assert unpack(bitmap, len(mask)) == mask
    assert bitmaps.null_count(bitmap, len(mask)) == mask.count(False)
    assert bitmaps.null_count(pack(mask), len(mask)) == mask.count(False)


@given(MASKS, st.integers(0, 70), st.integers(0, 70))
def test_slices(mask: list[bool], start: int, stop: int) -> None:
    start, stop = sorted((min(start, len(mask)), min(stop, len(mask))))
    part = bitmaps.slice_bits(pack(mask), start, stop)
    assert unpack(part, stop - start) == mask[start:stop]


@given(MASKS.filter(len), st.data())
def test_take(mask: list[bool], data: st.DataObject) -> None:
    positions = data.draw(st.lists(st.integers(0, len(mask) - 1)))
    taken = bitmaps.take(pack(mask), np.array(positions, dtype=np.int64))
    assert unpack(taken, len(positions)) == [mask[p] for p in positions]
    assert (taken is None) == all(mask[p] for p in positions)


@given(st.lists(MASKS))
def test_concat(masks: list[list[bool]]) -> None:
    joined = bitmaps.concat([(None if all(mask) else pack(mask), len(mask)) for mask in masks])
    whole = [valid for mask in masks for valid in mask]
    assert unpack(joined, len(whole)) == whole


@given(MASKS, st.integers(0, 70))
def test_from_arrow(mask: list[bool], start: int) -> None:
    array = pa.array([1 if valid else None for valid in mask], pa.int8()).slice(min(start, len(mask)))
    bitmap = bitmaps.from_arrow(array)
    assert unpack(bitmap, len(array)) == mask[min(start, len(mask)) :]
    assert (bitmap is None) == (array.null_count == 0)
    assert bitmaps.to_buffer(None) is None
