"""Floats in SQL's total order: NaN is the greatest value and equal to itself, -0.0 equals 0.0."""

from __future__ import annotations

import numpy as np

from . import jit
from .types import Floats, Integer, Real

_CANONICAL_NAN = np.int64(0x7FF8000000000000)
_ALL_BUT_SIGN = np.int64(0x7FFFFFFFFFFFFFFF)


@jit
def ordered_key(value: Real) -> Integer:
    """An integer that compares as ``value`` does in SQL: its bits, those of negative values flipped below the sign."""
    if value != value:
        return _CANONICAL_NAN
    bits = np.float64(value + 0.0).view(np.int64)
    return bits if bits >= 0 else bits ^ _ALL_BUT_SIGN


@jit
def sum_floats(values: Floats, n: Integer) -> Real:
    """The sum of ``values[:n]``, in eight interleaved sums that are added at the end.

    The order of additions is fixed, so equal input has an equal sum on every machine.
    """
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    whole = n // 8 * 8
    for i in range(0, whole, 8):
        s0 += values[i]
        s1 += values[i + 1]
        s2 += values[i + 2]
        s3 += values[i + 3]
        s4 += values[i + 4]
        s5 += values[i + 5]
        s6 += values[i + 6]
        s7 += values[i + 7]
    for i in range(whole, n):
        s0 += values[i]
    return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))
