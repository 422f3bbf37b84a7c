"""The rows of a segment that a worker takes at a time, whole blocks of them, and what is left out between them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from locality.operators.codegen.block import BLOCK

Bits = npt.NDArray[np.bool_]
#: The first row, and the one after the last.
Range = tuple[int, int]

#: Blocks without a match that are worth another call of a kernel to leave out.
_LEAST_GAP = 8


@dataclass(frozen=True, slots=True)
class Morsel:
    """Rows of a segment, ascending ranges of them, and which kernel runs over them with which arguments."""

    segment: int
    parts: tuple[Range, ...]
    kernel: int

    @property
    def start(self) -> int:
        """The first row."""
        return self.parts[0][0]

    @property
    def stop(self) -> int:
        """The row after the last."""
        return self.parts[-1][1]

    @property
    def rows(self) -> int:
        return sum([stop - start for start, stop in self.parts])

    def cut(self, first: int, last: int) -> Morsel:
        """Its rows from number ``first`` up to ``last``, that one left out, counted without those between the parts."""
        if len(self.parts) == 1:
            return replace(self, parts=((self.start + first, self.start + last),))
        parts, before = [], 0
        for start, stop in self.parts:
            low, high = max(start, start + first - before), min(stop, start + last - before)
            if low < high:
                parts.append((low, high))
            before += stop - start
        return replace(self, parts=tuple(parts))


def morsels_of(segment: int, kernel: int, ranges: Sequence[Range], most: int) -> Iterator[Morsel]:
    """Morsels of about ``most`` rows; ranges that lie together, from the first to the last of them, are one."""
    near: list[Range] = []
    for start, stop in ranges:
        if near and stop - near[0][0] > most:
            yield Morsel(segment, tuple(near), kernel)
            near = []
        if stop - start <= most:
            near.append((start, stop))
            continue
        step = even_step(stop - start, most)
        for cut in range(start, stop, step):
            yield Morsel(segment, ((cut, min(cut + step, stop)),), kernel)
    if near:
        yield Morsel(segment, tuple(near), kernel)


def runs_of(possible: Bits, rows: int, total: int) -> list[Range]:
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


def clipped(morsel: Morsel, possible: Bits | None) -> Morsel | None:
    """A morsel without most of its blocks that are not possible; None if none of it is left."""
    if possible is None:
        return morsel
    parts = []
    for start, stop in morsel.parts:
        first = start // BLOCK
        runs = runs_of(possible[first : -(-stop // BLOCK)], BLOCK, stop - first * BLOCK)
        parts += [(max(first * BLOCK + low, start), first * BLOCK + high) for low, high in runs]
    return replace(morsel, parts=tuple(parts)) if parts else None


def even_step(rows: int, most: int) -> int:
    """Rows of the parts when ``rows`` are cut into as few even ones of whole blocks as ``most`` allows."""
    parts = math.ceil(rows / most)
    return min(math.ceil(rows / parts / BLOCK) * BLOCK, most)
