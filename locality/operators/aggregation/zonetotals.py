"""Aggregates of whole zones from their statistics: where every row of a zone counts, none of them need be read.

A slot over a stored column has its share of a zone in the zone's statistics: the number of rows, those that are not
NULL, the exact sum, the bounds. Which zones hold nothing but matches of the filters is proven by the same bounds
(:func:`locality.operators.filters.filter.zones_certain`); what is left for the kernel are the zones at the edges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from locality.errors import Unsupported
from locality.operators.aggregation.accumulators import Slot, Slots, fresh
from locality.operators.codegen.columns import relation_dictionary
from locality.operators.relations.relation import Relation, ZoneBounds
from locality.plan.expressions import Call, ColumnRef
from locality.types import Domain

Bits = npt.NDArray[np.bool_]
Ints64 = npt.NDArray[np.int64]

_LOW_HALF = 0xFFFF_FFFF


@dataclass(frozen=True, eq=False)
class ZoneTotals:
    """What statistics say of the slots of an aggregate without groups, over a relation whose rows all count."""

    relation: Relation
    slots: Sequence[Slot]

    def known(self) -> Bits:
        """Which zones have statistics for every slot."""
        return np.concatenate([self._known(position) for position in range(len(self.relation.segments))])

    def _known(self, position: int) -> Bits:
        segment = self.relation.segments[position]
        known = np.ones(-(-segment.row_count // segment.zone_rows), dtype=np.bool_)
        for slot in self.slots:
            known &= self._knows(slot, position)
        return known

    def cells(self, zones: Mapping[int, Bits]) -> tuple[Ints64, npt.NDArray[np.float64]]:
        """The slots of all rows of these zones of each segment, as a state of one group: shapes (1, slots), (1, 1)."""
        state = fresh(list(self.slots), 1, np.int64)
        for number, slot in enumerate(self.slots):
            for position, chosen in zones.items():
                share = self._share(slot, position, chosen)
                state[0, number] = _COMBINE[slot.op](int(state[0, number]), share)
        return state, fresh([], 1, np.float64)

    def reads(self, zones: Mapping[int, Bits]) -> dict[str, int]:
        """Bytes of statistics that :meth:`cells` reads, by column."""
        count = sum(int(chosen.sum()) for chosen in zones.values())
        columns = [_column_of(slot) for slot in self.slots]
        names = [self.relation.stored_name(column) for column in columns if column is not None]
        return {name: 8 * count * names.count(name) for name in names}

    def _knows(self, slot: Slot, position: int) -> Bits | bool:
        if slot.part == "one":
            return True
        zones = self._zones(slot, position)
        if zones is None:
            return False
        if slot.part == "valid":
            return True
        if slot.op == "+":
            return zones.sums is not None
        if zones.minimum is None:
            return False
        # Runs have bounds of what lies under their NULLs, too.
        column = self.relation.segments[position].column(_argument(slot).index)
        return zones.nulls == 0 if column.encoding == "rle" else True

    def _share(self, slot: Slot, position: int, chosen: Bits) -> int:
        """What the chosen zones of a segment contribute to a slot."""
        segment = self.relation.segments[position]
        starts = np.arange(len(chosen)) * segment.zone_rows
        rows = np.minimum(segment.row_count - starts, segment.zone_rows)[chosen]
        if slot.part == "one":
            return int(rows.sum())
        zones = self._zones(slot, position)
        assert zones is not None
        present = int((rows - zones.nulls[chosen]).sum())
        if slot.part == "valid":
            return present
        if slot.op == "+":
            return _PARTS[slot.part](self._sum(slot, position, zones, chosen, present))
        return self._extreme(slot, position, zones, chosen) if present else int(slot.identity)

    def _sum(self, slot: Slot, position: int, zones: ZoneBounds, chosen: Bits, present: int) -> int:
        assert zones.sums is not None
        sums = zones.sums[chosen]
        total = (int((sums >> 32).sum()) << 32) + int((sums & _LOW_HALF).sum())
        base, factor = self._scale(slot, position)
        return base * present + factor * total

    def _extreme(self, slot: Slot, position: int, zones: ZoneBounds, chosen: Bits) -> int:
        assert zones.minimum is not None
        assert zones.maximum is not None
        code = int(zones.minimum[chosen].min() if slot.op == "min" else zones.maximum[chosen].max())
        argument = _argument(slot)
        if argument.type.domain is Domain.FLOAT:
            return code
        if argument.type.domain is not Domain.STRING:
            base, factor = self._scale(slot, position)
            return base + factor * code
        _, remaps = relation_dictionary(self.relation, argument.index)
        dictionary = self.relation.segments[position].column(argument.index).dictionary
        return int(remaps["" if dictionary is None else dictionary.key][code]) if remaps else code

    def _zones(self, slot: Slot, position: int) -> ZoneBounds | None:
        column = _column_of(slot)
        return None if column is None else self.relation.segments[position].zones(column)

    def _scale(self, slot: Slot, position: int) -> tuple[int, int]:
        """What turns codes into values."""
        column = self.relation.segments[position].column(_argument(slot).index)
        return (0, 1) if column.encoding == "plain" else (column.base, column.factor)


_COMBINE: dict[str, Callable[[int, int], int]] = {"+": lambda a, b: a + b, "min": min, "max": max}
#: A sum that may pass 64 bits is kept as that of the values' low halves, and that of their high ones.
_PARTS: dict[str, Callable[[int], int]] = {
    "value": lambda total: total,
    "low": lambda total: total & _LOW_HALF,
    "high": lambda total: total >> 32,
}


def plan_zone_totals(relation: Relation, slots: Slots) -> ZoneTotals | None:
    """None where a slot reads more than one stored column, or needs what statistics do not have.

    Intermediate results have no statistics, and an aggregation of one may be used again for the next.
    """
    if not relation.stored or slots.has_others or not all(_is_told(relation, slot) for slot in slots.integers):
        return None
    return ZoneTotals(relation, tuple(slots.integers))


def _is_told(relation: Relation, slot: Slot) -> bool:
    if slot.condition is not None or slot.is_separate or slot.op not in _COMBINE:
        return False
    if slot.part == "one":
        return True
    column = _column_of(slot)
    if column is None or relation.link_of(column) is not None:
        return False
    if slot.part == "valid":
        return True
    domain = relation.types[column].domain
    if domain is Domain.STRING:
        return slot.op != "+" and _has_dictionary(relation, column)
    return slot.part == "key" if domain is Domain.FLOAT else relation.intervals[column] is not None


def _has_dictionary(relation: Relation, column: int) -> bool:
    try:
        relation_dictionary(relation, column)
    except Unsupported:
        return False
    return True


def _column_of(slot: Slot) -> int | None:
    """The column that a slot is about, if it reads no more than that."""
    match slot.argument:
        case ColumnRef(index):
            return None if slot.part == "valid" else index
        case Call("is not null", (ColumnRef(index),)) if slot.part == "valid":
            return index
        case _:
            return None


def _argument(slot: Slot) -> ColumnRef:
    assert isinstance(slot.argument, ColumnRef)
    return slot.argument
