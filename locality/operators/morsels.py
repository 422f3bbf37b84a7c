"""The rows of a segment that a worker takes at a time, whole blocks of them, and what is left out between them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from locality.operators.codegen.block import BLOCK

Bits = npt.NDArray[np.bool_]

#: Blocks without a match that are worth another call of a kernel to leave out.
_LEAST_GAP = 16


@dataclass(frozen=True, slots=True)
class Morsel:
    """Rows ``start`` to ``stop`` of a segment, and which kernel runs over them with which arguments."""

    segment: int
    start: int
    stop: int
    kernel: int

    @property
    def rows(self) -> int:
        return self.stop - self.start


def runs_of(possible: Bits, rows: int, total: int) -> list[tuple[int, int]]:
    """The first row and the one after the last of each run of parts of so many ``rows``, of ``total`` in all.

    A gap that is not worth another call of a kernel is run too.
    """
    parts = np.flatnonzero(possible)
    if not len(parts):
        return []
    first, last = int(parts[0]), int(parts[-1])
    if last - first < len(parts):
        return [(first * rows, min((last + 1) * rows, total))]
    gaps = np.flatnonzero(np.diff(parts) > max(_LEAST_GAP * BLOCK // rows, 1))
    starts, ends = parts[np.append(0, gaps + 1)], parts[np.append(gaps, len(parts) - 1)] + 1
    return [(a * rows, min(z * rows, total)) for a, z in zip(starts.tolist(), ends.tolist(), strict=True)]


def parts_of(morsel: Morsel, possible: Bits | None) -> list[Morsel]:
    """The parts of a morsel with blocks that are possible; blocks between them are run too where they are few."""
    if possible is None:
        return [morsel]
    first = morsel.start // BLOCK
    blocks = first + np.flatnonzero(possible[first : -(-morsel.stop // BLOCK)])
    if not len(blocks):
        return []
    gaps = np.flatnonzero(np.diff(blocks) > _LEAST_GAP)
    starts, ends = blocks[np.append(0, gaps + 1)], blocks[np.append(gaps, len(blocks) - 1)] + 1
    return [
        replace(morsel, start=start * BLOCK, stop=min(end * BLOCK, morsel.stop))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


def even_step(rows: int, most: int) -> int:
    """Rows of the parts when ``rows`` are cut into as few even ones of whole blocks as ``most`` allows."""
    parts = math.ceil(rows / most)
    return min(math.ceil(rows / parts / BLOCK) * BLOCK, most)
