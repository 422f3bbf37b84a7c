"""Integer and float primitives, against Python's exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernel.both import both

LOW, HIGH = -(2**63), 2**63 - 1
integers = st.sampled_from([LOW, LOW + 1, -1, 0, 1, HIGH, HIGH - 1, 2**31, 2**32, -(2**31)]) | st.integers(LOW, HIGH)
small = st.integers(-1000, 1000)
floats = st.floats() | st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324])
quick = settings(deadline=None, max_examples=150)


def wrapped(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


@quick
@given(integers | small, (integers | small).filter(bool))
def test_division(a: int, b: int) -> None:
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    expected = {
        "trunc_div": quotient,
        "trunc_mod": a - quotient * b,
        "floor_div": a // b,
        "floor_mod": a % b,
    }
    for name, result in expected.items():
        for function in both(name):
            assert function(np.int64(a), np.int64(b)) == wrapped(result), name


@quick
@given(integers | small, st.integers(1, 10**18) | st.sampled_from([10**k for k in range(19)]) | st.integers(1, 9))
def test_round_div_rounds_halves_away_from_zero(a: int, b: int) -> None:
    exact = Fraction(abs(a), b)
    expected = math.floor(exact + Fraction(1, 2)) * (1 if a >= 0 else -1)
    for round_div in both("round_div"):
        assert round_div(np.int64(a), np.int64(b)) == expected


@quick
@given(integers, integers)
def test_overflow_is_told(a: int, b: int) -> None:
    expected = {
        "add_overflows": not LOW <= a + b <= HIGH,
        "sub_overflows": not LOW <= a - b <= HIGH,
        "mul_overflows": not LOW <= a * b <= HIGH,
        "mul_high": a * b >> 64,
    }
    for name, result in expected.items():
        for function in both(name):
            assert function(np.int64(a), np.int64(b)) == result, name


def in_order(a: float, b: float) -> int:
    """-1, 0 or 1 as SQL orders floats."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) - math.isnan(b)
    return (a > b) - (a < b)


@quick
@given(floats, floats)
def test_ordered_keys_compare_as_floats_do_in_sql(a: float, b: float) -> None:
    for ordered_key in both("ordered_key"):
        left, right = int(ordered_key(np.float64(a))), int(ordered_key(np.float64(b)))
        assert (left > right) - (left < right) == in_order(a, b)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-(2**40), 2**40), max_size=50))
def test_float_sums_are_exact_where_integers_are(rows: list[int]) -> None:
    values = np.array(rows, np.float64)
    for sum_floats in both("sum_floats"):
        assert sum_floats(values, len(rows)) == sum(rows)
