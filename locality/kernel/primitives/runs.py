"""Run-length encoded codes as one value a row."""

from __future__ import annotations

from . import jit
from .types import Elements, Integer, Ints32


@jit
def find_run(run_ends: Ints32, row: Integer) -> Integer:
    """The number of the run that holds ``row``: the first whose exclusive end is greater; len(run_ends) if none is."""
    low = 0
    high = len(run_ends)
    while low < high:
        middle = (low + high) >> 1
        if run_ends[middle] <= row:
            low = middle + 1
        else:
            high = middle
    return low


@jit
def expand_runs(run_ends: Ints32, values: Elements, first_row: Integer, n: Integer, out: Elements) -> Integer:
    """Writes the values of rows ``first_row`` to ``first_row + n`` to ``out[:n]``; returns the last row's run.

    ``values`` has one element a run, and the rows must exist.
    """
    run = find_run(run_ends, first_row)
    position = 0
    while position < n:
        stop = min(run_ends[run] - first_row, n)
        value = values[run]
        part = out[position:stop]
        for i in range(len(part)):
            part[i] = value
        position = stop
        run += 1
    return run - 1
