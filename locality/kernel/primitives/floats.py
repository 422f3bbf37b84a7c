"""Floats in SQL's total order: NaN is the greatest value and equal to itself, -0.0 equals 0.0."""

from __future__ import annotations

import numpy as np

from . import jit
from .types import Bools, Floats, Integer, Real

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
def from_ordered_key(key: Integer) -> Real:
    """The float whose :func:`ordered_key` is ``key``."""
    bits = key if key >= 0 else key ^ _ALL_BUT_SIGN
    return np.int64(bits).view(np.float64)


@jit
def sum_where(values: Floats, mask: Bools, n: Integer) -> Real:
    """The sum of the set rows of ``values[:n]``, in eight interleaved sums that are added at the end.

    The order of additions is fixed, so equal input has an equal sum on every machine.
    """
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    whole = n // 8 * 8
    for i in range(0, whole, 8):
        s0 += values[i] if mask[i] else 0.0
        s1 += values[i + 1] if mask[i + 1] else 0.0
        s2 += values[i + 2] if mask[i + 2] else 0.0
        s3 += values[i + 3] if mask[i + 3] else 0.0
        s4 += values[i + 4] if mask[i + 4] else 0.0
        s5 += values[i + 5] if mask[i + 5] else 0.0
        s6 += values[i + 6] if mask[i + 6] else 0.0
        s7 += values[i + 7] if mask[i + 7] else 0.0
    for i in range(whole, n):
        s0 += values[i] if mask[i] else 0.0
    return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))


@jit
def sum_floats(values: Floats, n: Integer) -> Real:
    """The sum of ``values[:n]``, in the order of :func:`sum_where`."""
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
