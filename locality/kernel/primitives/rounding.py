"""Floats rounded to whole numbers, exactly; NaN and infinities stay as they are."""

from __future__ import annotations

import numpy as np

from . import jit
from .types import Real


@jit
def round_half_away(value: Real) -> Real:
    """The nearest whole number, halves away from zero, as C's ``round``."""
    whole = np.trunc(value)
    if np.fabs(value - whole) >= 0.5:
        return whole + np.copysign(1.0, value)
    return whole


@jit
def round_half_even(value: Real) -> Real:
    """The nearest whole number, halves to the even one, as C's ``nearbyint``."""
    return np.rint(value)


@jit
def round_down(value: Real) -> Real:
    """The greatest whole number that is not greater."""
    return np.floor(value)


@jit
def round_up(value: Real) -> Real:
    """The least whole number that is not less."""
    return np.ceil(value)


@jit
def round_to_zero(value: Real) -> Real:
    """The whole part."""
    return np.trunc(value)


@jit
def magnitude(value: Real) -> Real:
    """The absolute value; that of -0.0 is 0.0."""
    return np.fabs(value)
