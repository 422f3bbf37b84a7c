"""Bounds compare as their values do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality.storage.bounds import at_most

NUMBERS = st.integers(-9, 9) | st.floats(-9, 9)


@given(st.tuples(NUMBERS, NUMBERS) | st.tuples(st.binary(max_size=2), st.binary(max_size=2)))
def test_order(pair: tuple[float, float]) -> None:
    assert at_most(*pair) == (pair[0] <= pair[1])


def test_numbers_do_not_compare_with_bytes() -> None:
    for pair in ((1, b"1"), (b"1", 1.0)):
        with pytest.raises(TypeError, match="do not compare"):
            at_most(*pair)
