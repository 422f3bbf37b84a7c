"""Rounding and elementary functions of floats, against Python's own and exact decimals."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.kernel.both import both

ROUNDED: dict[str, Callable[[float], float]] = {
    "round_half_away": lambda x: float(Decimal(x).quantize(Decimal(1), ROUND_HALF_UP)),
    "round_half_even": lambda x: float(Decimal(x).quantize(Decimal(1), ROUND_HALF_EVEN)),
    "round_down": math.floor,
    "round_up": math.ceil,
    "round_to_zero": math.trunc,
    "magnitude": abs,
}
ELEMENTARY: dict[str, Callable[..., float]] = {
    "square_root": math.sqrt,
    "exponential": math.exp,
    "natural_logarithm": math.log,
    "binary_logarithm": math.log2,
    "decimal_logarithm": math.log10,
    "sine": math.sin,
    "cosine": math.cos,
    "tangent": math.tan,
    "arc_tangent": math.atan,
}


@pytest.mark.parametrize("name", ROUNDED)
@settings(deadline=None)  # the first call of each compiles
@given(st.floats(-(2.0**60), 2.0**60) | st.integers(-(10**9), 10**9).map(lambda n: n / 2))
@example(0.49999999999999994)
@example(-0.5)
def test_floats_are_rounded(name: str, value: float) -> None:
    for function in both(name):
        assert function(np.float64(value)) == ROUNDED[name](value)


@pytest.mark.parametrize("name", ROUNDED)
def test_special_floats_stay_when_rounded(name: str) -> None:
    for function in both(name):
        assert math.isnan(function(np.float64("nan")))
        assert function(np.float64("inf")) == math.inf
        assert math.copysign(1, function(np.float64(-0.0))) == (1 if name == "magnitude" else -1)


@pytest.mark.parametrize("name", ELEMENTARY)
@settings(deadline=None)  # the first call of each compiles
@given(st.floats(1e-300, 700))
def test_elementary_functions_are_the_c_librarys(name: str, value: float) -> None:
    compiled, plain = both(name)
    assert compiled(np.float64(value)) == ELEMENTARY[name](value)
    assert plain(np.float64(value)) == pytest.approx(ELEMENTARY[name](value), rel=1e-14)


@pytest.mark.parametrize("name", ["square_root", "natural_logarithm", "binary_logarithm", "decimal_logarithm"])
def test_outside_its_domain_a_function_is_not_a_number(name: str) -> None:
    for function in both(name):
        assert math.isnan(function(np.float64(-1.0)))
        assert function(np.float64(0.0)) == (0.0 if name == "square_root" else -math.inf)


@settings(deadline=None)  # the first call of each compiles
@given(st.floats(1e-3, 1e3), st.floats(-50, 50))
def test_powers_and_remainders(value: float, other: float) -> None:
    for function in both("power"):
        assert function(np.float64(value), np.float64(other)) == pytest.approx(math.pow(value, other), rel=1e-14)
    for function in both("float_remainder"):
        assert function(np.float64(other), np.float64(value)) == math.fmod(other, value)
