"""Searching what segments list of where values lie, see :mod:`locality.storage.lookups`."""

from __future__ import annotations

import numpy as np

from . import jit
from .types import Bools, Elements, Integer, Ints64


@jit
def first_from(values: Ints64, value: Integer) -> Integer:
    """How many of ascending ``values`` are less than ``value``."""
    first = 0
    last = len(values)
    while first < last:
        middle = (first + last) // 2
        if values[middle] < value:
            first = middle + 1
        else:
            last = middle
    return first


@jit
def mark_steps(
    firsts: Ints64, offsets: Elements, steps: Elements, lows: Ints64, highs: Ints64, found: Bools
) -> Integer:
    """Sets the steps of those entries whose values lie in one of the inclusive intervals.

    Entries ascend by their values: every 16th is in ``firsts``, and ``offsets`` tell how much greater each is. A step
    beyond ``found`` counts as none. Returns how many entries were looked at.
    """
    looks = np.int64(0)
    for i in range(len(lows)):
        low = lows[i]
        high = highs[i]
        entry = max(first_from(firsts, low) - 1, 0) * 16
        while entry < len(offsets):
            value = firsts[entry // 16] + np.int64(offsets[entry])
            if value > high:
                break
            step = np.int64(steps[entry])
            if value >= low and step < len(found):
                found[step] = True
            entry += 1
            looks += 1
    return looks
