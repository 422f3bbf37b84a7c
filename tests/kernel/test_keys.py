"""A column's share of keys' words, against the arithmetic of Python's integers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernel.both import both

NO_KEY = -(2**63)
DTYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"]


def _wrapped(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


@pytest.mark.parametrize("dtype", DTYPES)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_digits(dtype: str, data: st.DataObject) -> None:
    limits = np.iinfo(dtype)
    codes = data.draw(st.lists(st.integers(int(limits.min), int(limits.max)) | st.integers(0, 5), max_size=20))
    nulls = data.draw(st.lists(st.booleans(), min_size=len(codes), max_size=len(codes)))
    first = data.draw(st.integers(0, 9))
    factor, stride = data.draw(st.sampled_from([1, 3])), data.draw(st.sampled_from([1, 1000]))
    delta, shift = data.draw(st.integers(-5, 5)), data.draw(st.sampled_from([0, -7]))
    size, null = data.draw(st.integers(0, 300)), data.draw(st.sampled_from([-1, 12345]))
    before = data.draw(st.lists(st.sampled_from([0, 1, NO_KEY]), min_size=len(codes), max_size=len(codes)))
    expected = []
    for code, is_null, word in zip(codes, nulls, before, strict=True):
        digit = factor * code + delta
        share = null if is_null else stride * digit + shift
        known = word != NO_KEY and (null >= 0 if is_null else 0 <= digit < size)
        expected.append(word + share if known else NO_KEY)
    valid = np.array([True] * first + [not is_null for is_null in nulls], np.bool_)
    validity = np.packbits(valid, bitorder="little")
    part = np.array([factor, delta, size, stride, shift, null], np.int64)
    for add_digits in both("add_digits"):
        words = np.array(before, np.int64)
        known = add_digits(np.array(codes, dtype), validity, first, part, words)
        assert words.tolist() == expected
        assert known == sum(word != NO_KEY for word in expected)


def test_digits_wrap_like_64_bits() -> None:
    codes = np.array([-(2**63) + 1, -1, 0, 2**63 - 1], np.int64)
    part = np.array([1, 2**63 - 1, _wrapped(2**64 - 1), 1, -(2**63) + 1, -1], np.int64)
    for add_digits in both("add_digits"):
        words = np.zeros(4, np.int64)
        assert add_digits(codes, np.zeros(0, np.uint8), 0, part, words) == 4
        assert words.tolist() == codes.tolist()


floats = st.floats(width=32) | st.sampled_from([0.0, -0.0, math.nan, -math.nan, math.inf])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(deadline=None, max_examples=60)
@given(values=st.lists(st.none() | floats, max_size=20), null_safe=st.booleans())
def test_floats_have_equal_words_where_they_are_equal(dtype: str, values: list[float | None], null_safe: bool) -> None:
    codes = np.array([0.0 if value is None else value for value in values], dtype)
    validity = np.packbits(np.array([value is not None for value in values], np.bool_), bitorder="little")
    for add_floats in both("add_floats"):
        words = np.zeros(len(values), np.int64)
        known = add_floats(codes, validity, 0, 2**63 - 1 if null_safe else -1, words)
        assert known == sum(word != NO_KEY for word in words.tolist())
        names = [str(value) if value is None or value != value else repr(value + 0.0) for value in values]
        for name, value, word in zip(names, values, words.tolist(), strict=True):
            assert (word == NO_KEY) == (value is None and not null_safe)
            assert (word == 2**63 - 1) == (value is None and null_safe)
            for other, another in zip(names, words.tolist(), strict=True):
                assert (name == other) == (word == another)
