"""Words sorted digit by digit, against numpy's sorting."""

from __future__ import annotations

import numpy as np
import pytest

from locality.operators.ordering import digits
from locality.operators.ordering.digits import sort_words

_SIZES = (0, 1, 2047, 2048, 5000)


@pytest.mark.parametrize("rows", _SIZES)
@pytest.mark.parametrize("bits", [1, 11, 12, 23, 44, 64])
@pytest.mark.parametrize("first", [0, 2**32 - 5, 2**63 - 100])
def test_words_are_sorted_as_numpy_does(rows: int, bits: int, first: int) -> None:
    most = min(2**bits - 1, 2**64 - 1 - first)
    words = np.random.default_rng(0).integers(0, most, rows, np.uint64, endpoint=True) + np.uint64(first)
    expected = np.sort(words)
    sort_words(words)
    np.testing.assert_array_equal(words, expected)


@pytest.mark.parametrize("rows", _SIZES)
@pytest.mark.parametrize("values", [1, 3, 1000, 2**40])
def test_bits_that_are_in_order_stay_so(rows: int, values: int) -> None:
    keys = np.random.default_rng(1).integers(77, 77 + values, rows).astype(np.uint64)
    words = (keys << np.uint64(20)) | np.arange(rows, dtype=np.uint64)
    expected = np.sort(words)
    sort_words(words, 20)
    np.testing.assert_array_equal(words, expected)


def test_few_passes_are_made_over_keys_of_few_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    deal = digits.primitive("deal_digits")

    def counted(*arguments: object) -> object:
        calls.append(1)
        return deal(*arguments)

    monkeypatch.setattr(digits, "primitive", lambda name: counted)
    words = (np.random.default_rng(2).integers(0, 2**20, 4096, np.uint64) << np.uint64(12)) | np.arange(
        4096, dtype=np.uint64
    )
    sort_words(words, 12)
    assert len(calls) == 2
    assert (words[1:] > words[:-1]).all()
