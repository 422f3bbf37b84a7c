"""Tests that bounds settle: rows of the blocks that are left pass, but for a few blocks, which are looked at now.

Where rows lie in about the order of a column, a range of its values is a few ranges of rows. These are found once, from
the bounds and from the codes of the blocks at their ends, and the pass over the rows does not read the column at all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from locality.encodings import bitmaps
from locality.operators.filters.ascents import rows_of_runs
from locality.operators.filters.codesets import CodeSet
from locality.operators.filters.filter import CodeTest, Test
from locality.operators.morsels import Rows, common
from locality.operators.relations.meanings import Bounds, first_zones
from locality.operators.relations.relation import Relation, Segment
from locality.storage.zones import BLOCKS

Bits = npt.NDArray[np.bool_]
Ints64 = npt.NDArray[np.int64]

#: Blocks that are looked at for a test at most, and ranges that it may leave.
_MOST_LOOKS, _MOST_RANGES = 4, 8
#: Intervals of codes that a test may have.
_MOST_INTERVALS = 2
#: Rows that must be certain to pass: of fewer, the column is read in no time.
_LEAST_ROWS = 65536
#: Encodings with a code a row.
_BY_ROW = frozenset({"plain", "frame", "scaled"})


def settle(relation: Relation, tests: Sequence[Test], needed: Collection[int] = ()) -> tuple[list[Test], Rows | None]:
    """The tests that are left, and the rows that pass the others; None for all rows.

    needed: columns that are read anyway, whose tests are left.
    """
    left: list[Test] = []
    rows: Rows | None = None
    for test in tests:
        found = None
        if isinstance(test, CodeTest) and test.index not in needed:
            found = _rows_of(relation, test)
            if found is None:
                found = rows_of_runs(relation, test)
        if found is None:
            left.append(test)
        else:
            rows = found if rows is None else {i: common(rows[i], found[i]) for i in rows.keys() & found.keys()}
    return left, rows


def _rows_of(relation: Relation, test: CodeTest) -> Rows | None:
    """The rows that pass a test, if that is told by bounds and a few blocks."""
    known = test.bounds(relation)
    zones = int(first_zones(relation)[-1])
    if sum(len(bounds.zones) for _, bounds in known) < zones or not all(_suits(*each) for each in known):
        return None
    by_blocks = all(bounds.blocks is not None for _, bounds in known)
    shape = zones, BLOCKS if by_blocks else 1
    possible, certain = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    for codes, bounds in known:
        parts = bounds.blocks if by_blocks and bounds.blocks is not None else bounds.zones
        possible[bounds.places] = codes.zones_possible(parts).reshape(-1, shape[1])
        certain[bounds.places] = codes.zones_certain(parts).reshape(-1, shape[1])
    return _ranges(relation, test, possible.ravel(), certain.ravel(), relation.segments[0].zone_rows // shape[1])


def _suits(codes: CodeSet, bounds: Bounds) -> bool:
    encoding = bounds.meaning.column.encoding
    return not codes.null and len(codes.intervals) <= _MOST_INTERVALS and encoding in _BY_ROW


def _ranges(relation: Relation, test: CodeTest, possible: Bits, certain: Bits, size: int) -> Rows | None:
    """``possible``, ``certain``: which parts of so many rows may pass, and do; None where too many are uncertain."""
    looks = np.flatnonzero(possible & ~certain)
    if len(looks) > _MOST_LOOKS or int(np.count_nonzero(possible & certain)) * size < _LEAST_ROWS:
        return None
    if np.count_nonzero(np.diff(possible)) > 2 * _MOST_RANGES:
        return None
    starts = first_zones(relation) * (relation.segments[0].zone_rows // size)
    looked: dict[int, tuple[int, int] | None] = {}
    for part in looks.tolist():
        owner = int(starts.searchsorted(part, side="right")) - 1
        found = _passing(relation.segments[owner], test, (part - int(starts[owner])) * size, size)
        if found is not None and found[1] - found[0] != found[2]:
            return None
        looked[part] = None if found is None else found[:2]
    return _by_segment(relation, np.flatnonzero(possible), starts, size, looked)


def _passing(segment: Segment, test: CodeTest, first: int, size: int) -> tuple[int, int, int] | None:
    """The first row of a part that passes, the one after the last, and how many do; None for none."""
    column = segment.column(test.index)
    assert column.codes is not None
    part = column.codes[first : first + size]
    passes = np.zeros(len(part), np.bool_)
    for low, high in test.set_of(segment).intervals:
        passes |= (part >= low) & (part <= high)
    if column.validity is not None:
        passes &= bitmaps.to_mask(column.validity[first // 8 :], len(part))
    hits = np.flatnonzero(passes)
    return (first + int(hits[0]), first + int(hits[-1]) + 1, len(hits)) if len(hits) else None


def _by_segment(
    relation: Relation, possible: Ints64, starts: Ints64, size: int, looked: dict[int, tuple[int, int] | None]
) -> Rows:
    """The rows of the possible parts, of some as they were looked at, in as few ranges as there can be."""
    owners = starts.searchsorted(possible, side="right") - 1
    alone = np.isin(possible, list(looked))
    follows = (np.diff(possible) == 1) & (np.diff(owners) == 0) & ~alone[1:] & ~alone[:-1]
    firsts = np.flatnonzero(np.append(True, ~follows)) if len(possible) else possible
    lasts = np.append(firsts[1:], len(possible)) - 1
    rows: dict[int, list[tuple[int, int]]] = {}
    for owner, first, last in zip(
        owners[firsts].tolist(), possible[firsts].tolist(), possible[lasts].tolist(), strict=True
    ):
        before = int(starts[owner])
        whole = (first - before) * size, min((last + 1 - before) * size, relation.segments[owner].row_count)
        found = looked.get(first, whole)
        if found is None or found[0] >= found[1]:
            continue
        ranges = rows.setdefault(owner, [])
        if ranges and ranges[-1][1] == found[0]:
            ranges[-1] = ranges[-1][0], found[1]
        else:
            ranges.append(found)
    return {owner: np.array(ranges, np.int64) for owner, ranges in rows.items()}
