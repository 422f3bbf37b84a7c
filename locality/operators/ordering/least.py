"""The least that keys of an order can be in each zone: top-n need not read a zone whose rows all come too late.

Where rows follow the order, or run against it, as those of a log asked for its latest entries, a few zones are read.
Where they have left it, lookups tell the first values, and rows beyond them are not read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from locality.operators.filters.codesets import CodeSet
from locality.operators.filters.filter import CodeTest, Test
from locality.operators.morsels import Morsel, parts_met
from locality.operators.relations.meanings import Bounds, bounds_of, first_zones
from locality.operators.relations.relation import Relation
from locality.plan.expressions import Call, ColumnRef, Constant, Expression, SortKey
from locality.plan.functions.base import Value
from locality.storage.lookups import Lookup
from locality.types import BOOLEAN, Domain

Ints64 = npt.NDArray[np.int64]

#: Rows, for each that is asked for, among which the first ones are looked for before all; and rows of a table for each
#: of these, below which all are run as soon.
_MARGIN, _MOST_SHARE = 2, 16


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


def leading_values(
    relation: Relation, key: SortKey, value: Value, tests: Sequence[Test], rows: int
) -> Expression | None:
    """A condition on a term's column that leaves some of the first rows in its order, as lookups tell of them.

    rows: how many should pass all tests. None where no segment has a lookup, where NULLs come first, and where the
    rows are so many that all are run as soon.
    """
    match key.expression:
        case ColumnRef(index) if relation.link_of(index) is None and relation.types[index].domain is Domain.INTEGER:
            own = next((test for test in tests if isinstance(test, CodeTest) and test.index == index), None)
        case _:
            return None
    share = math.prod([test.share for test in tests if test is not own])
    wanted = math.ceil(_MARGIN * rows / max(share, 1 / (1 + relation.row_count)))
    if wanted * _MOST_SHARE > relation.row_count or (key.nulls_first and value.valid is not None):
        return None
    known = own.bounds(relation) if own is not None else [(None, bounds) for bounds in bounds_of(relation, index)]
    found = [_Leading(codes, bounds, lookup, key) for codes, bounds in known for _, lookup in bounds.lookups]
    if not found:
        return None
    nearest, farthest = (max, min) if key.descending else (min, max)
    evenly = farthest(leading.value(-(-wanted // len(found))) for leading in found)
    alone = [leading.value(wanted) for leading in found if leading.count >= wanted]
    last = Constant(nearest([evenly, *alone]), relation.types[index])
    return Call(">=" if key.descending else "<=", (key.expression, last), BOOLEAN)


@dataclass(frozen=True)
class _Leading:
    """The entries of a lookup in a key's order, from the first on that a test of the key lets through."""

    codes: CodeSet | None
    bounds: Bounds
    lookup: Lookup
    key: SortKey

    @cached_property
    def first(self) -> int:
        """The place of the first one among all; -1 or how many there are for none."""
        intervals = self.codes.intervals if self.codes is not None else ()
        if self.key.descending:
            return (self.lookup.place(intervals[-1][1] + 1) if intervals else len(self.lookup)) - 1
        return self.lookup.place(intervals[0][0]) if intervals else 0

    @property
    def count(self) -> int:
        return self.first + 1 if self.key.descending else len(self.lookup) - self.first

    def value(self, entries: int) -> int:
        """What so many entries end with; the last value in the order where there are fewer."""
        place = max(self.first + 1 - entries, 0) if self.key.descending else self.first + entries - 1
        base, factor = _scale(self.bounds)
        return self.lookup.value(min(place, len(self.lookup) - 1)) * factor + base


def _scale(bounds: Bounds) -> tuple[int, int]:
    """What makes values of codes."""
    column = bounds.meaning.column
    return (0, 1) if column.encoding == "plain" else (column.base, column.factor)


def _digits(bounds: Bounds, key: SortKey, value: Value) -> Ints64:
    zones = bounds.zones
    assert zones.minimum is not None
    assert zones.maximum is not None
    empty = zones.minimum > zones.maximum
    base, factor = _scale(bounds)
    codes = np.where(empty, 0, zones.maximum if key.descending else zones.minimum)
    nearest = codes * factor + base
    digits = value.range.high - nearest if key.descending else nearest - value.range.low
    if key.nulls_first:
        shifted = digits + (value.valid is not None)
        return np.where(empty | (zones.nulls > 0), 0, shifted)
    return np.where(empty, value.range.size, digits)
