"""State of groups: what is left of it once groups without rows are dropped."""

from __future__ import annotations

from . import jit
from .types import Floats, Integer, Ints64


@jit
def keep_groups(
    integers: Ints64,
    floats: Floats,
    counts: Integer,
    first: Integer,
    numbers: Ints64,
    kept_integers: Ints64,
    kept_floats: Floats,
) -> Integer:
    """Copies the rows of ``integers`` and ``floats`` whose cell ``counts`` of ``integers`` is not 0; returns how many.

    The last row, which is not a group, is left out; ``first`` plus a row's position goes to ``numbers``. Shapes: state
    (groups + 1, slots), or (1, 1) for floats where there are none; room for ``groups`` rows in what is written.
    """
    kept = 0
    has_floats = floats.shape[0] == integers.shape[0]
    for group in range(integers.shape[0] - 1):
        if integers[group, counts] != 0:
            numbers[kept] = first + group
            for slot in range(integers.shape[1]):
                kept_integers[kept, slot] = integers[group, slot]
            if has_floats:
                for slot in range(floats.shape[1]):
                    kept_floats[kept, slot] = floats[group, slot]
            kept += 1
    return kept
