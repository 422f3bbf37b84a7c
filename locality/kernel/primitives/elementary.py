"""Elementary functions of doubles, as the C library computes them: outside a function's domain the result is NaN."""

from __future__ import annotations

import numpy as np

from . import jit
from .types import Real


@jit
def square_root(value: Real) -> Real:
    """The square root."""
    return np.sqrt(value)


@jit
def exponential(value: Real) -> Real:
    """Euler's number to the power of ``value``."""
    return np.exp(value)


@jit
def natural_logarithm(value: Real) -> Real:
    """The logarithm to base e."""
    return np.log(value)


@jit
def binary_logarithm(value: Real) -> Real:
    """The logarithm to base 2."""
    return np.log2(value)


@jit
def decimal_logarithm(value: Real) -> Real:
    """The logarithm to base 10."""
    return np.log10(value)


@jit
def power(base: Real, exponent: Real) -> Real:
    """``base`` to the power of ``exponent``."""
    return np.power(base, exponent)


@jit
def float_remainder(value: Real, divisor: Real) -> Real:
    """The remainder of a division toward zero, as C's ``fmod``."""
    return np.fmod(value, divisor)


@jit
def sine(value: Real) -> Real:
    """The sine of an angle in radians."""
    return np.sin(value)


@jit
def cosine(value: Real) -> Real:
    """The cosine of an angle in radians."""
    return np.cos(value)


@jit
def tangent(value: Real) -> Real:
    """The tangent of an angle in radians."""
    return np.tan(value)


@jit
def arc_tangent(value: Real) -> Real:
    """The angle in radians whose tangent is ``value``."""
    return np.arctan(value)
