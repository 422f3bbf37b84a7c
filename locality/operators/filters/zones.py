"""The zones of a relation's segments that tests leave, and the bytes in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.operators.filters.codesets import CodeSet
from locality.operators.filters.filter import Test
from locality.operators.morsels import Rows, common, runs_of
from locality.operators.relations.meanings import Bounds
from locality.operators.relations.relation import Relation
from locality.storage.lookups import STEP_ROWS, bounds_of_intervals
from locality.storage.zones import BLOCKS

Bits = npt.NDArray[np.bool_]


def possible_zones(relation: Relation, tests: Sequence[Test]) -> Bits | None:
    """Which zones of all segments may hold rows that pass all tests; None where nothing is known."""
    known = [possible for test in tests if (possible := test.possible(relation)) is not None]
    return reduce(np.logical_and, known) if known else None


def possible_blocks(relation: Relation, tests: Sequence[Test], zones: Bits) -> Bits | None:
    """Which blocks of all segments, a fixed number a zone, may hold rows that pass all tests, where zones may.

    None where no column that is tested has bounds of blocks.
    """
    left: Bits | None = None
    for test in tests:
        for codes, bounds in test.bounds(relation):
            if bounds.blocks is not None:
                left = np.repeat(zones, BLOCKS) if left is None else left
                left.reshape(-1, BLOCKS)[bounds.places] &= codes.zones_possible(bounds.blocks).reshape(-1, BLOCKS)
    return left


def looked_up(relation: Relation, tests: Sequence[Test], rows: Rows) -> Rows:
    """What lookups leave of the rows that may pass all tests; the same object where there are none."""
    for test in tests:
        for codes, bounds in test.bounds(relation):
            if bounds.lookups and not codes.null:
                rows = _looked_up(relation, bounds, codes, rows)
    return rows


def _looked_up(relation: Relation, bounds: Bounds, codes: CodeSet, rows: Rows) -> Rows:
    low, high = bounds_of_intervals(codes.intervals)
    left = dict(rows)
    for number, lookup in bounds.lookups:
        if number not in rows:
            continue
        count = relation.segments[number].row_count
        steps = lookup.steps_with(low, high, count)
        if 2 * np.count_nonzero(steps) > len(steps):
            continue
        left[number] = common(rows[number], runs_of(steps, STEP_ROWS, count))
        if not len(left[number]):
            del left[number]
    return left


def bytes_to_read(relation: Relation, tests: Sequence[Test], raw: Mapping[int, float]) -> float:
    """Bytes of all columns in the zones that may hold rows which pass all tests.

    raw: about how many bytes a row takes of those columns whose strings would be decompressed to know.
    """
    zones = relation.memo.once("bytes of zones", lambda: _zone_bytes(relation, raw))
    possible = possible_zones(relation, tests)
    return float((zones if possible is None else zones[possible]).sum())


def _zone_bytes(relation: Relation, raw: Mapping[int, float]) -> npt.NDArray[np.float64]:
    """Bytes of all columns in each zone."""
    columns = range(len(relation.types))
    parts: list[npt.NDArray[Any]] = [np.zeros(0)]
    for segment in relation.segments:
        first = np.arange(0, segment.row_count, segment.zone_rows)
        rows = np.minimum(first + segment.zone_rows, segment.row_count) - first
        parts.append(rows * sum([raw[index] if index in raw else segment.width(index) for index in columns]))
    return np.concatenate(parts)
