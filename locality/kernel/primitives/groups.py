"""State of groups: what is left of it once groups without rows are dropped."""

from __future__ import annotations

from . import jit
from .types import Elements, Integer, Ints64


@jit
def number_rows(integers: Ints64, counts: Integer, numbers: Ints64) -> Integer:
    """Writes the positions of the rows whose cell ``counts`` is not 0 to ``numbers``, ascending; returns how many.

    The last row, which is not a group, is left out. ``numbers`` needs room for all the others.
    """
    kept = 0
    for group in range(integers.shape[0] - 1):
        numbers[kept] = group
        kept += integers[group, counts] != 0
    return kept


@jit
def keep_between(
    integers: Ints64,
    slot: Integer,
    low: Integer,
    high: Integer,
    first: Integer,
    last: Integer,
    numbers: Ints64,
    n: Integer,
) -> Integer:
    """Leaves those of ``numbers[:n]``, in place, whose cell ``slot`` lies from ``low`` to ``high``; returns how many.

    Rows before ``first`` and after ``last`` stay whatever they have.
    """
    kept = 0
    for i in range(n):
        row = numbers[i]
        cell = integers[row, slot]
        numbers[kept] = row
        kept += (cell >= low) & (cell <= high) | (row < first) | (row > last)
    return kept


@jit
def keep_rows(cells: Elements, numbers: Ints64, n: Integer, kept: Elements) -> Integer:
    """Copies the rows of ``cells`` at ``numbers[:n]`` to ``kept``, slot by slot: shape (slots, at least n)."""
    for slot in range(cells.shape[1]):
        for i in range(n):
            kept[slot, i] = cells[numbers[i], slot]
    return n
