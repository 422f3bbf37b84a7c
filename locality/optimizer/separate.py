"""Aggregates that need sorted groups, apart from those that a kernel sums up in passing.

Beside a median every other aggregate would be computed of collected and sorted rows too. Where the rows are read in
passing, the others are groups of their own instead, and both are joined by their keys.
"""

from __future__ import annotations

from locality.operators.aggregation.registry import AGGREGATES
from locality.optimizer.estimate import Estimator
from locality.optimizer.facts import Prover
from locality.optimizer.statistics import Statistics
from locality.optimizer.totals import is_cheap
from locality.plan.expressions import AggregateCall, ColumnRef
from locality.plan.nodes import Aggregate, Join, JoinKey, Node, Project, Shared, inputs_of, with_inputs

#: The greatest share of groups among the rows for which a second pass over the rows pays.
_MOST_GROUPS = 0.1


def separate_sorted(root: Node, statistics: Statistics) -> Node:
    """The plan in which no aggregation over stored rows has aggregates of both sorts."""
    return _separated(root, Estimator(statistics), Prover(statistics))


def _separated(node: Node, known: Estimator, prover: Prover) -> Node:
    if isinstance(node, Shared):
        definition = _separated(node.definition, known, prover)
        known = Estimator(known.statistics, {**known.shared, node.number: known.estimate(definition)})
        prover = Prover(prover.statistics, {**prover.shared, node.number: prover.facts(definition)})
        return Shared(definition, _separated(node.child, known, prover), node.number)
    node = with_inputs(node, [_separated(child, known, prover) for child in inputs_of(node)])
    if not (isinstance(node, Aggregate) and is_cheap(node.child)):
        return node
    plain = tuple(call for call in node.aggregates if not _needs_order(call))
    if not plain or len(plain) == len(node.aggregates):
        return node
    if known.estimate(node).rows > _MOST_GROUPS * known.estimate(node.child).rows:
        return node
    never_null = prover.facts(node.child).never_null
    return _joined(node, plain, never_null)


def _needs_order(call: AggregateCall) -> bool:
    return call.name not in AGGREGATES or bool(call.keys)


def _joined(node: Aggregate, plain: tuple[AggregateCall, ...], never_null: frozenset[int]) -> Node:
    groups = node.groups
    ordered = tuple(call for call in node.aggregates if _needs_order(call))
    keys = tuple(
        JoinKey(ColumnRef(i, g.type), ColumnRef(i, g.type), not (isinstance(g, ColumnRef) and g.index in never_null))
        for i, g in enumerate(groups)
    )
    join = Join(Aggregate(node.child, groups, ordered), Aggregate(node.child, groups, plain), "inner", keys)
    width = len(groups) + len(ordered)
    places = {call: len(groups) + i for i, call in enumerate(ordered)}
    places.update((call, width + len(groups) + i) for i, call in enumerate(plain))
    own = (ColumnRef(i, group.type) for i, group in enumerate(groups))
    return Project(join, (*own, *(ColumnRef(places[call], call.type) for call in node.aggregates)))
