"""Searching what segments list of where values lie, see :mod:`locality.storage.lookups`, and runs of codes."""

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


@jit
def first_in_run(codes: Elements, start: Integer, stop: Integer, value: Integer) -> Integer:
    """The first row from ``start`` to ``stop`` whose code is ``value`` or more; codes ascend there; ``stop`` for none.

    It looks first where the row would be if the codes lay evenly, then ever farther from there.
    """
    low = np.int64(codes[start])
    high = np.int64(codes[stop - 1])
    if value <= low:
        return start
    if value > high:
        return stop
    share = (np.float64(value) - np.float64(low)) / (np.float64(high) - np.float64(low))
    guess = start + min(np.int64(share * np.float64(stop - start)), stop - start - 1)
    step = np.int64(8)
    if np.int64(codes[guess]) < value:
        first = guess + 1
        last = min(guess + step, stop - 1)
        while np.int64(codes[last]) < value:
            first = last + 1
            step *= 2
            last = min(last + step, stop - 1)
    else:
        last = guess
        first = max(guess - step, start)
        while np.int64(codes[first]) >= value:
            last = first
            step *= 2
            first = max(first - step, start)
    while first < last:
        middle = (first + last) // 2
        if np.int64(codes[middle]) < value:
            first = middle + 1
        else:
            last = middle
    return first


@jit
def find_in_runs(codes: Elements, starts: Ints64, low: Integer, high: Integer, firsts: Ints64, ends: Ints64) -> Integer:
    """Of each ascending run, the first row with a code from ``low`` up to ``high`` and the row after the last.

    ``starts``: the first row of each run, then the row after the last one's. No run is empty. Returns how many rows
    were found.
    """
    rows = np.int64(0)
    for run in range(len(firsts)):
        start = starts[run]
        stop = starts[run + 1]
        first = first_in_run(codes, start, stop, low)
        end = first
        if first < stop and np.int64(codes[stop - 1]) <= high:
            end = stop
        elif first < stop:
            end = first_in_run(codes, first, stop, high + 1)
        firsts[run] = first
        ends[run] = end
        rows += end - first
    return rows
