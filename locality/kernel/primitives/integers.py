"""Integer arithmetic that Python's operators and the machine's disagree on, and checks for overflow."""

from __future__ import annotations

import numpy as np

from . import jit
from .types import Boolean, Integer, Ints64

_LOW_HALF = np.int64(0xFFFFFFFF)


@jit
def trunc_div(a: Integer, b: Integer) -> Integer:
    """The quotient rounded toward zero, of the operands' type; ``b`` is not 0. The least value by -1 wraps."""
    if b == -1:
        return -a
    quotient = a // b
    if quotient < 0 and quotient * b != a:
        quotient += 1
    return quotient


@jit
def trunc_mod(a: Integer, b: Integer) -> Integer:
    """The remainder of :func:`trunc_div`, with the sign of ``a``."""
    return a - trunc_div(a, b) * b


@jit
def floor_div(a: Integer, b: Integer) -> Integer:
    """The quotient rounded down; ``b`` is not 0. The least value by -1 wraps."""
    return -a if b == -1 else a // b


@jit
def floor_mod(a: Integer, b: Integer) -> Integer:
    """The remainder of :func:`floor_div`, with the sign of ``b``."""
    return a - floor_div(a, b) * b


@jit
def round_div(a: Integer, b: Integer) -> Integer:
    """The quotient rounded to the nearest integer, halves away from zero; 0 < b <= 10**18 (a decimal's rescaling)."""
    quotient = trunc_div(a, b)
    remainder = a - quotient * b
    if remainder * 2 >= b:
        return quotient + 1
    if remainder * 2 <= -b:
        return quotient - 1
    return quotient


@jit
def add_overflows(a: Integer, b: Integer) -> Boolean:
    """Whether ``a + b`` leaves the range of 64-bit integers."""
    total = np.int64(np.uint64(a) + np.uint64(b))
    return ((a ^ total) & (b ^ total)) < 0


@jit
def sub_overflows(a: Integer, b: Integer) -> Boolean:
    """Whether ``a - b`` leaves the range of 64-bit integers."""
    difference = np.int64(np.uint64(a) - np.uint64(b))
    return ((a ^ b) & (a ^ difference)) < 0


@jit
def mul_high(a: Integer, b: Integer) -> Integer:
    """The upper 64 bits of the 128-bit product of two signed 64-bit integers."""
    a_low = a & _LOW_HALF
    b_low = b & _LOW_HALF
    a_high = a >> 32
    b_high = b >> 32
    low = np.int64(np.uint64(a_low) * np.uint64(b_low) >> np.uint64(32))
    middle = a_high * b_low + low
    carried = a_low * b_high + (middle & _LOW_HALF)
    return a_high * b_high + (middle >> 32) + (carried >> 32)


@jit
def mul_overflows(a: Integer, b: Integer) -> Boolean:
    """Whether ``a * b`` leaves the range of 64-bit integers."""
    return mul_high(a, b) != np.int64(np.uint64(a) * np.uint64(b)) >> 63


@jit
def in_intervals(lows: Ints64, highs: Ints64, value: Integer) -> Boolean:
    """Whether ``value`` lies in one of the disjoint, ascending, inclusive intervals."""
    first = 0
    last = len(lows)
    while first < last:
        middle = (first + last) // 2
        if lows[middle] <= value:
            first = middle + 1
        else:
            last = middle
    return first > 0 and value <= highs[first - 1]
