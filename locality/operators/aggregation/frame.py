"""What an aggregation is whatever its filters: kept for the next query that differs in their constants alone."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial

from locality.operators.aggregation.accumulators import Slot, Slots
from locality.operators.aggregation.aggregates import Input, Planned
from locality.operators.aggregation.grouping import MOST_GROUPS, DenseGroups, plan_dense
from locality.operators.aggregation.registry import plan_aggregate
from locality.operators.aggregation.sketches import of_hashes
from locality.operators.aggregation.zonetotals import ZoneTotals, plan_zone_totals
from locality.operators.codegen.held import Holder, Number
from locality.operators.codegen.lookup import introduce_lookups
from locality.operators.codegen.probe import probe
from locality.operators.relations.relation import Relation
from locality.operators.relations.signature import form_key
from locality.plan.expressions import AggregateCall, Expression, columns_of
from locality.plan.intervals import Interval
from locality.plan.structure import structure_of_call, structures
from locality.types import DataType

#: What is counted for one.
_BYTES = 1 << 13


@dataclass(frozen=True, eq=False)
class Frame:
    """Groups, slots and results of an aggregation over rows of one form; it holds on to no rows of a link.

    groups: the keys, as kernels compute them, their constants held. dense: how they are numbered without hashing, if
    they can be.
    totals: what statistics of zones tell, if there are no groups and no links.
    key: equal for frames that are the same.
    """

    key: Hashable
    groups: tuple[Expression, ...]
    slots: Slots
    planned: tuple[Planned, ...]
    dense: DenseGroups | None
    totals: ZoneTotals | None
    types: tuple[DataType, ...]
    intervals: tuple[Interval | None, ...]


def frame_of(
    relation: Relation, groups: Sequence[Expression], calls: Sequence[AggregateCall], *, dense: bool
) -> tuple[Frame, Sequence[Number]]:
    """The frame over these rows, kept or planned now, and the constants that it was given.

    Raises Unsupported for what kernels do not aggregate.
    """
    holder = Holder()

    def computed(expression: Expression) -> Expression:
        return holder.hold(introduce_lookups(expression, relation))

    groups, calls = tuple(map(computed, groups)), tuple(of_hashes(call).mapped(computed) for call in calls)
    parts = (part for call in calls for part in call.expressions())
    columns = frozenset().union(*(columns_of(e) for e in (*groups, *parts)))
    form = form_key(relation, columns)
    key = "aggregation", structures(groups), tuple(map(structure_of_call, calls)), dense, form
    if relation.prepared is None:
        return _plan(key, relation, groups, calls, dense=dense), holder.numbers
    frame = relation.prepared.once(key, lambda: _plan(key, relation, groups, calls, dense=dense), _BYTES)
    return frame, holder.numbers


def _plan(
    key: Hashable,
    relation: Relation,
    groups: tuple[Expression, ...],
    calls: tuple[AggregateCall, ...],
    *,
    dense: bool,
) -> Frame:
    slots = Slots()
    if groups:
        slots.add(Slot("+", "one"))  # the first integer slot tells whether a group has rows
    known = partial(probe, relation)
    planned = tuple(plan_aggregate(Input(call, slots, relation.row_count, known)) for call in calls)
    return Frame(
        key,
        groups,
        slots,
        planned,
        plan_dense(relation, groups, known, MOST_GROUPS) if groups and dense else None,
        None if groups or relation.links else plan_zone_totals(relation, slots),
        tuple(e.type for e in (*groups, *calls)),
        (*(_bounds(relation, e) for e in groups), *(p.bounds for p in planned)),
    )


def _bounds(relation: Relation, expression: Expression) -> Interval | None:
    value = probe(relation, expression)
    return None if value.is_float or value.is_string else value.range
