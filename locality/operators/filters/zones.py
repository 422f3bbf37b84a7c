"""The zones of a relation's segments that tests leave, and the bytes in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt

from locality.operators.filters.filter import Test
from locality.operators.relations.relation import Relation

Bits = npt.NDArray[np.bool_]


def possible_zones(relation: Relation, tests: Sequence[Test], segment: int) -> Bits | None:
    """Which zones of a segment may hold rows that pass all tests; None where nothing is known."""
    known = [possible for test in tests if (possible := test.possible(relation, segment)) is not None]
    return reduce(np.logical_and, known) if known else None


def bytes_to_read(relation: Relation, tests: Sequence[Test], raw: Mapping[int, float]) -> float:
    """Bytes of all columns in the zones that may hold rows which pass all tests.

    raw: about how many bytes a row takes of those columns whose strings would be decompressed to know.
    """
    total = 0.0
    for number, segment in enumerate(relation.segments):
        zones = possible_zones(relation, tests, number)
        rows = segment.row_count
        if zones is not None:
            rows = min(int(np.count_nonzero(zones)) * segment.zone_rows, rows)
        if rows:
            total += rows * sum(
                raw[index] if index in raw else segment.width(index) for index in range(len(relation.types))
            )
    return total
