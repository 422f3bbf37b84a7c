"""The least that keys of an order can be in each zone: top-n need not read a zone whose rows all come too late.

Where rows follow the order, or run against it, as those of a log asked for its latest entries, a few zones are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from locality.operators.morsels import Morsel, parts_met
from locality.operators.relations.meanings import Bounds, bounds_of, first_zones
from locality.operators.relations.relation import Relation
from locality.plan.expressions import ColumnRef, SortKey
from locality.plan.functions.base import Value
from locality.types import Domain

Ints64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LeastDigits:
    """Lower bounds of an ORDER BY term's digit in the zones of all segments, one after another.

    starts: the first zone of each segment, then how many zones there are.
    """

    digits: Ints64
    starts: Ints64
    zone_rows: int

    def of(self, morsel: Morsel) -> int:
        """For the rows of a morsel."""
        first = int(self.starts[morsel.segment])
        zones = slice(first + morsel.start // self.zone_rows, first - (-morsel.stop // self.zone_rows))
        return int(self.digits[zones].min())

    def zones(self, morsels: Iterable[Morsel]) -> int:
        """How many zones morsels have rows of."""
        met: dict[int, list[Ints64]] = {}
        for morsel in morsels:
            met.setdefault(morsel.segment, []).append(parts_met(morsel.parts, self.zone_rows))
        return sum(len(np.unique(np.concatenate(zones))) for zones in met.values())


def least_digits(relation: Relation, key: SortKey, value: Value) -> LeastDigits | None:
    """The bounds for a term over a stored column of integers; None for others.

    ``value``: the column's. A digit is the distance from the end of its range where the order begins. Where NULLs come
    first they have digit 0, and the others follow; else theirs is the one after all others.
    """
    match key.expression:
        case ColumnRef(index) if relation.link_of(index) is None and relation.types[index].domain is Domain.INTEGER:
            bounds = bounds_of(relation, index)
        case _:
            return None
    if not bounds:
        return None
    starts = first_zones(relation)
    digits = np.zeros(int(starts[-1]), np.int64)
    for each in bounds:
        digits[each.places] = _digits(each, key, value)
    return LeastDigits(digits, starts, relation.segments[0].zone_rows)


def _digits(bounds: Bounds, key: SortKey, value: Value) -> Ints64:
    zones, column = bounds.zones, bounds.meaning.column
    assert zones.minimum is not None
    assert zones.maximum is not None
    empty = zones.minimum > zones.maximum
    base, factor = (0, 1) if column.encoding == "plain" else (column.base, column.factor)
    codes = np.where(empty, 0, zones.maximum if key.descending else zones.minimum)
    nearest = codes * factor + base
    digits = value.range.high - nearest if key.descending else nearest - value.range.low
    if key.nulls_first:
        shifted = digits + (value.valid is not None)
        return np.where(empty | (zones.nulls > 0), 0, shifted)
    return np.where(empty, value.range.size, digits)
