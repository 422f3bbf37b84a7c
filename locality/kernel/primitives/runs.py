"""Runs of equal values: run-length encoded codes as one value a row, and the rows of some values among sorted ones."""

from __future__ import annotations

import numpy as np

from . import jit
from .ranks import find_rank, has_member
from .selection import compact
from .types import Elements, Integer, Ints32, Ints64


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


@jit
def select_runs(
    wanted: Ints64,
    before: Ints32,
    shift: Integer,
    values: Ints32,
    starts: Ints32,
    blocks: Ints32,
    first: Integer,
    n: Integer,
    selection: Ints32,
    ranks: Ints32,
) -> Integer:
    """The rows ``first`` to ``first + n`` of sorted values that are members, as positions from ``first`` on, ascending.

    Members are ``wanted``, with the counts ``before``, see :mod:`.ranks`. ``values``, one a run, plus ``shift`` are
    numbers of them; a run begins at its row of ``starts``, which have one more, the number of rows; ``blocks`` has the
    run of every 1,024th row, and the last run. Returns how many rows there are; ``ranks`` gets the rank of the member
    at each of their positions. n <= 1024; both arrays need room for 1,032.
    """
    members = np.empty(1088, np.bool_)
    picked = np.empty(1088, np.int32)
    run = np.int64(blocks[np.uint64(first >> 10)])
    while starts[np.uint64(run + 1)] <= first:
        run += 1
    last = np.int64(blocks[np.uint64(min((first + n + 1023) >> 10, len(blocks) - 1))])
    while starts[np.uint64(last)] >= first + n:
        last -= 1
    runs = last + 1 - run
    for i in range(runs):
        members[i] = has_member(wanted, np.int64(values[np.uint64(run + i)]) + shift)
    count = np.int64(0)
    for k in range(compact(members, runs, picked)):
        one = np.uint64(run + np.int64(picked[k]))
        begin = max(np.int64(starts[one]) - first, 0)
        rows = min(np.int64(starts[one + np.uint64(1)]) - first, n) - begin
        rank = find_rank(wanted, before, np.int64(values[one]) + shift)
        for turn in range(8):
            selection[np.uint64(count + turn)] = begin + turn
            ranks[np.uint64(begin + turn)] = rank
        for turn in range(8, rows):
            selection[np.uint64(count + turn)] = begin + turn
            ranks[np.uint64(begin + turn)] = rank
        count += rows
    return count
