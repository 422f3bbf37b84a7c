"""Blocks of rows that a link drops as a whole: between the bounds of their keys there is no key of its index.

Zones are too coarse for a few keys among many: a zone of lines has sixteen thousand orders, a block 250. Where rows are
stored in about the order of a key, the bounds of its blocks are found once and kept as long as the column is.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, bitmaps
from locality.operators.codegen.block import BLOCK
from locality.operators.morsels import Ranges, runs_of
from locality.operators.relations.keyindex import KeyIndex
from locality.operators.relations.links import Link
from locality.operators.relations.members import BitSet
from locality.operators.relations.relation import Relation, Segment
from locality.plan.expressions import ColumnRef
from locality.plan.intervals import INT64_MAX, INT64_MIN
from locality.types import Domain

Ints64 = npt.NDArray[np.int64]
Bits = npt.NDArray[np.bool_]

#: Ranges of all parts, as a multiple of the range of the whole: beyond it rows do not follow the order of the key.
_MOST_SPREAD = 3
#: Keys a block from which on none is taken to be without, if they are spread over the whole.
_MANY_KEYS = 8


@dataclass(frozen=True, eq=False)
class Bounds:
    """The least and the greatest value of each block of a column, int64; for no value, the first is the more."""

    minimum: Ints64
    maximum: Ints64

    @property
    def is_clustered(self) -> bool:
        """Whether the ranges of blocks overlap little."""
        spread = np.maximum(self.maximum.astype(np.float64) - self.minimum.astype(np.float64), 0).sum()
        return bool(spread <= _MOST_SPREAD * (float(self.maximum.max()) - float(self.minimum.min()) + 1))


class _KnownBounds:
    """The bounds of columns' blocks, as long as the columns are there; None for one that follows no order."""

    def __init__(self) -> None:
        self._bounds: weakref.WeakKeyDictionary[EncodedColumn, Bounds | None] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, segment: Segment, index: int) -> Bounds | None:
        column = segment.column(index)
        with self._lock:
            if column not in self._bounds:
                bounds = _bounds_of(column) if has_clustered_zones(segment, index) else None
                self._bounds[column] = bounds if bounds is not None and bounds.is_clustered else None
            return self._bounds[column]


_KNOWN = _KnownBounds()


def has_clustered_zones(segment: Segment, index: int) -> bool:
    """Whether the bounds of a column's zones overlap little; integers only."""
    zones = segment.zones(index)
    if zones is None or zones.minimum is None or zones.maximum is None:
        return False
    return len(zones.minimum) > 0 and Bounds(zones.minimum, zones.maximum).is_clustered


def _bounds_of(column: EncodedColumn) -> Bounds | None:
    if column.encoding not in ("plain", "frame", "scaled", "rle") or column.codes is None or column.codes.ndim != 1:
        return None
    if column.codes.dtype.kind not in "iu" or column.codes.dtype == np.uint64 or column.dictionary is not None:
        return None
    starts = np.arange(0, column.length, BLOCK)
    base, factor = (0, 1) if column.encoding == "plain" else (column.base, column.factor)
    if column.run_ends is not None:
        least, most = _bounds_of_runs(column.codes, column.run_ends, starts)
        return Bounds(least * factor + base, most * factor + base)
    if column.validity is None:
        least, most = (reduce.reduceat(column.codes, starts).astype(np.int64) for reduce in (np.minimum, np.maximum))
        return Bounds(least * factor + base, most * factor + base)
    valid = bitmaps.to_mask(column.validity, column.length)
    values = column.codes.astype(np.int64) * factor + base
    return Bounds(
        np.minimum.reduceat(np.where(valid, values, INT64_MAX), starts),
        np.maximum.reduceat(np.where(valid, values, INT64_MIN), starts),
    )


def _bounds_of_runs(codes: npt.NDArray[np.integer], ends: npt.NDArray[np.integer], starts: Ints64) -> list[Ints64]:
    """The least and the greatest code of each block; what stands for NULL may be among them, which excludes no row."""
    first = ends.searchsorted(starts, side="right")
    after = ends.searchsorted(np.append(starts[1:], ends[-1]) - 1, side="right") + 1
    parts = np.column_stack((first, after)).ravel()
    padded = np.append(codes, codes[-1:])  # the last part may end behind the last run
    return [reduce.reduceat(padded, parts)[::2].astype(np.int64) for reduce in (np.minimum, np.maximum)]


def clipping_links(relation: Relation, links: Sequence[Link]) -> tuple[tuple[int, int], ...]:
    """The positions of links that may drop whole blocks, each with the column of its key."""
    found = []
    for number, link in enumerate(relation.links):
        if link not in links or link.kind != "inner" or link.index is None or len(link.keys) != 1:
            continue
        (key,), (part,) = link.keys, link.index.parts
        if not isinstance(key, ColumnRef) or key.type.domain is not Domain.INTEGER or part.nulls:
            continue
        if relation.link_of(key.index) is None and isinstance(link.index.members, BitSet):
            found.append((number, key.index))
    return tuple(found)


def linked_rows(relation: Relation, clipping: Sequence[tuple[int, int]], segment: int) -> Ranges | None:
    """The rows of a segment, whole blocks, that all ``clipping`` links may keep; None for all."""
    possible: Bits | None = None
    for number, column in clipping:
        index = relation.links[number].index
        assert index is not None
        bounds = _KNOWN.of(relation.segments[segment], column)
        if bounds is None or _has_everywhere(index, len(bounds.minimum) * len(relation.segments)):
            continue
        first, after = ranks_within(index, bounds.minimum, bounds.maximum)
        found = after > first
        possible = found if possible is None else possible & found
    return None if possible is None else runs_of(possible, BLOCK, BLOCK * len(possible))


def _has_everywhere(index: KeyIndex, blocks: int) -> bool:
    """Whether keys are so many, and the first and the last so far apart, that every block is taken to have some."""
    members = index.members
    assert isinstance(members, BitSet)
    if index.ranks < _MANY_KEYS * blocks:
        return False
    first = int(members.counts.searchsorted(0, side="right"))
    last = int(members.counts.searchsorted(index.ranks - 1, side="right"))
    return 64 * (last - first) > 0.9 * index.parts[0].size


def ranks_within(index: KeyIndex, minimum: Ints64, maximum: Ints64) -> tuple[Ints64, Ints64]:
    """The rank of the first key from each ``minimum`` on, and that after the last up to each ``maximum``.

    The index is of one column, whose ranks ascend as its keys do.
    """
    members, part = index.members, index.parts[0]
    assert isinstance(members, BitSet)
    after = part.low + part.size
    low = np.clip(minimum, part.low, min(after, INT64_MAX)) - part.low
    high = np.clip(maximum, max(part.low - 1, INT64_MIN), after - 1) - part.low
    return _before(members, low), _before(members, high + 1)


def _before(members: BitSet, numbers: Ints64) -> Ints64:
    """How many members are less than each number, which is at most the size of the set."""
    words = members.bits.view(np.uint64)[numbers >> 6]
    below = (np.uint64(1) << (numbers & 63).astype(np.uint64)) - np.uint64(1)
    return members.counts[numbers >> 6] + np.bitwise_count(words & below).astype(np.int64)
