"""What the primary layout of a table might be: its order, and columns of parents that it carries.

With parents' columns joins vanish, and filters exclude more zones; so plans change, and queries are planned again for
each choice: first with all columns that come into question, then with those alone that plans use, as far as there is
room. Rows that lie in the order of their parents' may be told by the parents' positions, so a parent is put in order
with them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from locality.advisor.analysis import Analysis
from locality.advisor.replan import Design, Planner
from locality.advisor.tablesearch import Move, TableSearch
from locality.advisor.whatif import Placement
from locality.advisor.worth import LOSS, Worth
from locality.plan.nodes import PRIMARY
from locality.plan.virtual import ROW_ID
from locality.runtime.paths import OrderColumn
from locality.runtime.reorder import RowOrder

#: Bytes of a column of one value.
_NOTHING = 1.0
#: The part of a column's share of what queries save that it is sure to be worth.
_SURE = 0.03


@dataclass(frozen=True)
class Offer:
    """Steps to be taken together, the one that it is about first, and the queries as they would be planned after all.

    value: see :class:`~locality.advisor.worth.Worth`. size: further bytes that the store takes.
    """

    moves: tuple[Move, ...]
    planned: Sequence[Analysis]
    value: float
    design: Design = field(repr=False)

    @property
    def size(self) -> float:
        return sum(move.size for move in self.moves)


@dataclass(frozen=True)
class Carrying:
    """Looks for offers. design: so far. worth: of plans. room: bytes that may be stored more."""

    searches: Mapping[str, TableSearch]
    planner: Planner
    measured: Sequence[Analysis]
    worth: Worth
    design: Design
    room: float

    def offers(self, table: str, *, orders: bool) -> list[Offer]:
        """For the primary layout of a table, the best first; those alone that are worth something.

        orders: whether other orders than the one that it has are looked at.
        """
        search = self.searches[table]
        current = self.design[table][0].order
        found = self._kept(search, self._with_columns(search, current, ()))
        if orders:
            widened = found[0]  # its plans test what parents have where the table carries it
            # where there is room, copies may keep what queries would lose
            loss = 0.0 if self.room > 0 else LOSS
            best = [o for o in search.best_orders(widened.planned, widened.moves[0].after, loss=loss) if o != current]
            # the best, and the best by which rows lie with those of a parent: of that a glance tells too little
            together = (order for order in best if self._beside(order))
            for order in dict.fromkeys([*best[:1], *itertools.islice(together, 1)]):
                found += self._kept(search, self._in_order(search, order))
        suitable = (offer for offer in found if offer.value > 0 and offer.size <= max(self.room, 0.0))
        return sorted(suitable, key=lambda offer: -offer.value)

    def thinned(self, offer: Offer) -> Offer:
        """The offer without those columns of parents that are worth less than their bytes."""
        move = offer.moves[0]
        search = self.searches[move.table]
        added = _derived(search, move.changed) - _derived(search, move.before[0])
        sizes = {number: search.carried_size(move.changed, number) for number in added}
        shares = self._shares(move.table, offer, added)
        doubtful = (n for n in added if sizes[n] > _NOTHING and not self.worth.pays(_SURE * shares[n], sizes[n]))
        for number in sorted(doubtful, key=lambda number: -sizes[number]):
            smaller = self._without(offer, number, sizes[number])
            if not self.worth.pays(offer.value - smaller.value, sizes[number]):
                offer = smaller
        return offer

    def _shares(self, table: str, offer: Offer, columns: Iterable[int]) -> dict[int, float]:
        """What queries save by an offer, shared evenly among those columns that they read."""
        shares = dict.fromkeys(columns, 0.0)
        for now, later in zip(self.worth.now, offer.planned, strict=True):
            read = [number for number in _read(table, later) if number in shares]
            for number in read:
                shares[number] += now.weight * max(now.effort - later.effort, 0.0) / len(read)
        return shares

    def _without(self, offer: Offer, number: int, size: float) -> Offer:
        """The offer without a column of a parent, which takes so many bytes."""
        first, *others = offer.moves
        changed = replace(first.changed, columns=(first.changed.columns or frozenset()) - {number})
        after = (changed, *first.after[1:])
        design = {**offer.design, first.table: (changed, *offer.design[first.table][1:])}
        again = [number in _read(first.table, each) for each in offer.planned]
        replanned = iter(
            self.planner.over([a for a, is_new in zip(self.measured, again, strict=True) if is_new], design)
        )
        planned = [next(replanned) if is_new else b for b, is_new in zip(offer.planned, again, strict=True)]
        value = self.worth.of(planned)
        move = Move(first.table, first.before, after, changed, value, first.size - size)
        return Offer((move, *others), planned, value, design)

    def _with_columns(self, search: TableSearch, order: RowOrder | None, beside: Sequence[Move]) -> Offer:
        """The primary layout in an order with all that plans then read of parents, as far as there is room."""
        table = search.table.name
        design = {**self.design, **{move.table: move.after for move in beside}}
        primary, *others = design[table]
        held = primary.columns or frozenset()
        chosen = frozenset(each.plan.number for each in search.table.derived_columns) - held
        chosen = chosen if self.room > 0 else frozenset()
        # without a budget orders alone are proposed, whatever little they take
        is_new = self.room > 0 and order != self.design[table][0].order
        listed = search.lookups_size(order) if is_new else 0.0
        room = max(self.room - listed, 0.0)
        while True:
            order_now = order if order is not None or not chosen else primary.order or RowOrder(())
            changed = Placement(primary.name, order_now, held | chosen)
            planned = self.planner.over(self.measured, {**design, table: (changed, *others)})
            asked = _asked(table, planned)
            chosen &= asked.keys()  # plans stay as they are without those that none reads
            sizes = {number: search.carried_size(changed, number) for number in chosen}
            if sum(sizes.values()) <= room:
                break
            chosen -= {min(chosen, key=lambda number: asked[number] / sizes[number])}
        after = (Placement(primary.name, order_now if chosen else order, held | chosen), *others)
        value = self.worth.of(planned)
        move = Move(table, self.design[table], after, after[0], value, sum(sizes.values()) + listed)
        return Offer((move, *beside), planned, value, {**design, table: after})

    def _in_order(self, search: TableSearch, order: RowOrder) -> Offer:
        """The primary layout in an order; its parent in the same, if plans use that rows then follow the parent's."""
        beside = self._beside(order)
        offer = self._with_columns(search, order, beside)
        numbers = _derived(search, offer.moves[0].changed)
        plans = (each.plan for each in search.table.derived_columns if each.plan.number in numbers)
        if not beside or any(plan.column == ROW_ID and plan.path[-1].table == beside[0].table for plan in plans):
            return offer
        return self._with_columns(search, order, ())

    def _beside(self, order: RowOrder) -> list[Move]:
        """Where rows would lie by a column of their parent, the parent in the order of that."""
        if len(order.columns) != 1 or order.curve or len(order.columns[0].path) != 1:
            return []
        column = order.columns[0]
        parent = column.path[0].table
        own = RowOrder((OrderColumn(column.column, (), column.column),))
        if parent not in self.searches or (before := self.design[parent])[0].order == own:
            return []
        changed = Placement(PRIMARY, own, before[0].columns)
        listed = self.searches[parent].lookups_size(own) if self.room > 0 else 0.0
        return [Move(parent, before, (changed, *before[1:]), changed, 0.0, listed)]

    def _kept(self, search: TableSearch, offer: Offer) -> list[Offer]:
        """The offer; and where queries lose by it, together with copies for their scans."""
        losers = self.worth.losers(offer.planned)
        move = offer.moves[0]
        after, copies = move.after, []
        for placement in search.kept_for(losers, move.after):
            before, after = after, (*after, placement)
            copies.append(Move(move.table, before, after, placement, 0.0, search.size(placement)))
        if not copies:
            return [offer]
        design = {**offer.design, move.table: after}
        planned = self.planner.over(self.measured, design)
        return [offer, Offer((*offer.moves, *copies), planned, self.worth.of(planned), design)]


def _derived(search: TableSearch, placement: Placement) -> frozenset[int]:
    """The columns of parents that a layout has."""
    return frozenset(filter(search.table.is_derived, placement.columns or ()))


def _read(table: str, analysis: Analysis) -> frozenset[int]:
    """The columns of a table that a query's scans have."""
    return frozenset(column for use in analysis.uses if use.scan.table == table for column in use.scan.columns)


def _asked(table: str, analyses: Sequence[Analysis]) -> dict[int, float]:
    """How often columns of a table are read, by their numbers."""
    found: dict[int, float] = {}
    for analysis in analyses:
        for number in _read(table, analysis):
            found[number] = found.get(number, 0.0) + analysis.weight
    return found
