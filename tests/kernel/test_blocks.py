"""Selections, validity bitmaps and runs, against naive loops."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.kernel.both import both

masks = st.lists(st.booleans(), max_size=150).map(lambda bits: np.array(bits, np.bool_))


@pytest.mark.parametrize("element", [np.int32, np.int64])
@settings(deadline=None, max_examples=60)
@given(mask=masks)
@example(mask=np.ones(128, np.bool_))
def test_compact_lists_set_rows(mask: Any, element: type) -> None:
    expected = [i for i, bit in enumerate(mask.tolist()) if bit]
    for compact in both("compact"):
        selection = np.full(len(mask) + 4, -1, element)
        count = compact(mask, len(mask), selection)
        assert selection[:count].tolist() == expected


@settings(deadline=None, max_examples=30)
@given(mask=masks)
def test_count_true(mask: Any) -> None:
    for count_true in both("count_true"):
        assert count_true(mask, len(mask)) == sum(mask.tolist())


@pytest.mark.parametrize("element", [np.bool_, np.uint8])
@settings(deadline=None, max_examples=60)
@given(bitmap=st.binary(min_size=1, max_size=20), data=st.data())
def test_expand_validity_reads_bits_from_any_row(bitmap: bytes, data: st.DataObject, element: type) -> None:
    first = data.draw(st.integers(0, len(bitmap) * 8))
    n = data.draw(st.integers(0, len(bitmap) * 8 - first))
    expected = [bitmap[row // 8] >> row % 8 & 1 for row in range(first, first + n)]
    for expand in both("expand_validity"):
        out = np.full(n, 7).astype(element)
        assert expand(np.frombuffer(bitmap, np.uint8), first, n, out) == sum(expected)
        assert out.tolist() == expected


@pytest.mark.parametrize("element", [np.uint8, np.int64])
@settings(deadline=None, max_examples=60)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=12), data=st.data())
def test_runs_expand_to_rows(lengths: list[int], data: st.DataObject, element: type) -> None:
    values = data.draw(st.lists(st.integers(0, 255), min_size=len(lengths), max_size=len(lengths)))
    rows = [value for value, length in zip(values, lengths, strict=True) for _ in range(length)]
    ends = np.cumsum(lengths).astype(np.int32)
    first = data.draw(st.integers(0, len(rows) - 1))
    n = data.draw(st.integers(1, len(rows) - first))
    for find_run, expand_runs in zip(both("find_run"), both("expand_runs"), strict=True):
        assert find_run(ends, first) == bisect_right(ends.tolist(), first)
        out = np.zeros(n, element)
        last = expand_runs(ends, np.array(values, element), first, n, out)
        assert out.tolist() == rows[first : first + n]
        assert last == bisect_right(ends.tolist(), first + n - 1)
