"""What the primary layout of a table might carry: with parents' columns joins vanish, and filters exclude more zones.

Plans change by them, so queries are planned again for each choice: first with all columns that come into question, then
with those alone that plans use, as far as there is room.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from locality.advisor.analysis import Analysis
from locality.advisor.replan import Design
from locality.advisor.tablesearch import Move, TableSearch, valued
from locality.advisor.whatif import Placement
from locality.runtime.reorder import RowOrder

#: Orders by columns of parents that are looked at.
_MOST_ORDERS = 2
#: How many times its bytes a query moves that loses enough to have a copy of its own.
_LOST = 1.05

Replan = Callable[[Design], list[Analysis]]


@dataclass(frozen=True)
class Offer:
    """Steps to be taken together, each with the queries as they would be planned after it.

    value: of all together. size: further bytes that the store takes.
    """

    steps: tuple[tuple[Move, list[Analysis]], ...]
    value: float

    @property
    def size(self) -> float:
        return sum(move.size for move, _ in self.steps)


def carrying(
    search: TableSearch, design: Design, analyses: Sequence[Analysis], replan: Replan, room: float
) -> list[Offer]:
    """What the primary layout of a table might carry, in the order that it has and in others, the best first.

    analyses: the queries as they are planned over the design.
    """
    table = search.table.name
    primary, *others = design[table]
    held = primary.columns or frozenset()
    offers = []
    for order in _orders(search, primary.order):
        chosen = frozenset(each.plan.number for each in search.table.derived_columns) - held
        while chosen:
            changed = Placement(primary.name, order, held | chosen)
            planned = replan({**design, table: (changed, *others)})
            asked = _asked(table, planned)
            sizes = {number: search.carried_size(changed, number) for number in chosen}
            if sum(sizes[number] for number in chosen & asked.keys()) > room:
                chosen -= {min(chosen, key=lambda number: asked.get(number, 0.0) / sizes[number])}
            elif chosen <= asked.keys():
                after = (changed, *others)
                value = _value(analyses, planned)
                move = Move(table, design[table], after, changed, value, sum(sizes.values()))
                offers.append(Offer(((move, planned),), value))
                offers += _keeping(search, offers[-1], design, analyses, replan)
                break
            else:
                chosen &= asked.keys()
    return sorted((offer for offer in offers if offer.size <= room), key=lambda offer: -offer.value)


def _keeping(
    search: TableSearch, offer: Offer, design: Design, analyses: Sequence[Analysis], replan: Replan
) -> list[Offer]:
    """The offer together with copies for the scans of those queries that lose by it."""
    ((move, planned),) = offer.steps
    losers = [b for a, b in zip(analyses, planned, strict=True) if b.bytes > _LOST * a.bytes]
    after = move.after
    copies = []
    for placement in search.kept_for(losers, move.after):
        before, after = after, (*after, placement)
        copies.append(Move(move.table, before, after, placement, 0.0, search.size(placement)))
    if not copies:
        return []
    later = replan({**design, move.table: after})
    joined = replace(copies[-1], value=_value(analyses, later) - offer.value)
    steps = ((move, planned), *((copy, planned) for copy in copies[:-1]), (joined, later))
    return [Offer(steps, _value(analyses, later))]


def _value(analyses: Sequence[Analysis], planned: Sequence[Analysis]) -> float:
    return valued(analyses, [b.bytes - a.bytes for a, b in zip(analyses, planned, strict=True)])


def _orders(search: TableSearch, current: RowOrder | None) -> list[RowOrder]:
    """The order that the table has, and those by columns of parents."""
    by_parents = [order for order in search.orders_by_parents if order != current]
    return [current or RowOrder(()), *by_parents[:_MOST_ORDERS]]


def _asked(table: str, analyses: Sequence[Analysis]) -> Mapping[int, float]:
    """How often columns of a table are read, by their numbers."""
    found: dict[int, float] = {}
    for analysis in analyses:
        for number in {c for use in analysis.uses if use.scan.table == table for c in use.scan.columns}:
            found[number] = found.get(number, 0.0) + analysis.weight
    return found
