"""Selection vectors: the positions of a block's rows that are still alive."""

from __future__ import annotations

import numpy as np

from . import jit
from .types import Boolean, Bools, Elements, Integer


@jit
def choose(condition: Boolean, then: Integer, otherwise: Integer) -> Integer:
    """``then`` or ``otherwise``, both computed: what a vectorised loop selects by a mask."""
    return then if condition else otherwise


@jit
def compact(mask: Bools, n: Integer, selection: Elements) -> Integer:
    """Writes the positions of the set rows of ``mask[:n]`` to ``selection``, ascending; returns how many there are.

    ``selection`` needs room for ``n`` positions. Eight rows without a set one are skipped together; others are
    written without a branch.
    """
    count = 0
    words = mask[: n // 8 * 8].view(np.uint64)
    for w in range(len(words)):
        if words[w] != 0:
            for i in range(w * 8, w * 8 + 8):
                selection[count] = i
                count += mask[i]
    for i in range(n // 8 * 8, n):
        selection[count] = i
        count += mask[i]
    return count


@jit
def count_true(mask: Bools, n: Integer) -> Integer:
    """How many of ``mask[:n]`` are set; n < 2**31, as counting in 32 bits is twice as fast as in 64."""
    count = np.int32(0)
    for i in range(n):
        count = np.int32(count + mask[i])
    return np.int64(count)
