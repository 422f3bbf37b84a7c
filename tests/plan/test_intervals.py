"""Interval arithmetic holds every value that its operands can give, and no wider bounds than needed."""

from __future__ import annotations

from collections.abc import Callable
from operator import add, mul, sub

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality.plan.intervals import INT64, INT64_MAX, INT64_MIN, Interval, enclosing

Bound = st.integers(-30, 30)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    low, high = sorted((draw(Bound), draw(Bound)))
    return Interval(low, high)


@pytest.mark.parametrize("operation", [add, sub, mul])
@given(intervals(), intervals())
def test_bounds_are_those_of_all_results(operation: Callable[..., object], left: Interval, right: Interval) -> None:
    results = [operation(a, b) for a in range(left.low, left.high + 1) for b in range(right.low, right.high + 1)]
    bounds = operation(left, right)
    assert isinstance(bounds, Interval)
    assert (bounds.low, bounds.high) == (min(results), max(results))  # type: ignore[type-var]


@given(intervals(), intervals())
def test_unions_negations_and_sizes(left: Interval, right: Interval) -> None:
    values = list(range(left.low, left.high + 1))
    assert left.size == len(values)
    assert left.magnitude == max(abs(value) for value in values)
    assert -left == Interval(min(-value for value in values), max(-value for value in values))
    union = left | right
    assert all(value in union for value in (left.low, left.high, right.low, right.high))
    assert union.low in (left.low, right.low)
    assert union.high in (left.high, right.high)


@given(intervals(), intervals())
def test_clamped_values_are_within(interval: Interval, limits: Interval) -> None:
    clamped = interval.clamp(limits.low, limits.high)
    assert clamped.within(limits.low, limits.high)
    kept = [value for value in range(interval.low, interval.high + 1) if value in limits]
    assert all(value in clamped for value in kept)


def test_bounds_beyond_64_bits_are_noticed() -> None:
    assert INT64.fits_int64
    assert not (INT64 + Interval(0, 1)).fits_int64
    assert (INT64 * INT64).clamp(INT64_MIN, INT64_MAX) == INT64


def test_what_encloses_parts_is_known_only_if_all_of_them_are() -> None:
    assert enclosing([Interval(3, 4), Interval(-1, 0)]) == Interval(-1, 4)
    assert enclosing([Interval(3, 4), None]) is None
    assert enclosing([None, Interval(3, 4)]) is None
