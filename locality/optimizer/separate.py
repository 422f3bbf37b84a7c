"""Aggregates of one node as several of the same groups, joined by their keys.

Beside a median every other aggregate would be computed of collected and sorted rows too: where the rows are read in
passing, the others are groups of their own instead. And a kernel for hundreds of aggregates takes LLVM seconds and
keeps little in registers: where many columns are summed up, each kernel has some of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from locality.operators.aggregation.registry import AGGREGATES
from locality.optimizer.estimate import Estimator
from locality.optimizer.facts import Prover
from locality.optimizer.statistics import Statistics
from locality.optimizer.totals import is_cheap
from locality.plan.expressions import AggregateCall, ColumnRef, columns_of
from locality.plan.nodes import Aggregate, Join, JoinKey, Node, Project, Shared, inputs_of, with_inputs

#: The greatest share of groups among the rows for which a second pass over the rows pays.
_MOST_GROUPS = 0.1
#: The same for one more pass for each part of many aggregates.
_MOST_WIDE_GROUPS = 0.01
#: Aggregates from which on a kernel has some of them only, and how many it has then.
_MOST_CALLS, _CALLS = 64, 40


def separate_aggregates(root: Node, statistics: Statistics) -> Node:
    """The plan in which aggregations over stored rows have aggregates of one sort, and not too many."""
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
    share = known.estimate(node).rows / max(known.estimate(node.child).rows, 1.0)
    parts = _parts(node, share)
    if len(parts) < 2 or share > _MOST_GROUPS:
        return node
    return _joined(node, parts, prover.facts(node.child).never_null)


def _parts(node: Aggregate, share: float) -> list[list[AggregateCall]]:
    """The calls of each aggregation; ``share``: groups for each row."""
    ordered = [call for call in node.aggregates if _needs_order(call)]
    plain = [call for call in node.aggregates if not _needs_order(call)]
    wide = len(plain) > _MOST_CALLS and share <= _MOST_WIDE_GROUPS
    return [part for part in (ordered, *(_by_columns(plain) if wide else [plain])) if part]


def _by_columns(calls: Sequence[AggregateCall]) -> list[list[AggregateCall]]:
    """Calls in parts, those that read the same columns side by side: they may share what they count and add."""
    by_columns: dict[frozenset[int], list[AggregateCall]] = {}
    for call in calls:
        columns = frozenset[int]().union(*map(columns_of, call.expressions()))
        by_columns.setdefault(columns, []).append(call)
    parts: list[list[AggregateCall]] = [[]]
    for alike in by_columns.values():
        if parts[-1] and len(parts[-1]) + len(alike) > _CALLS:
            parts.append([])
        parts[-1] += alike
    return parts


def _needs_order(call: AggregateCall) -> bool:
    return call.name not in AGGREGATES or bool(call.keys)


def _joined(node: Aggregate, parts: Sequence[Sequence[AggregateCall]], never_null: frozenset[int]) -> Node:
    keys = tuple(
        JoinKey(ColumnRef(i, g.type), ColumnRef(i, g.type), not (isinstance(g, ColumnRef) and g.index in never_null))
        for i, g in enumerate(node.groups)
    )
    join: Node = Aggregate(node.child, node.groups, tuple(parts[0]))
    places = {call: len(node.groups) + i for i, call in enumerate(parts[0])}
    for calls in parts[1:]:
        width = len(join.types) + len(node.groups)
        join = Join(join, Aggregate(node.child, node.groups, tuple(calls)), "inner", keys)
        places.update((call, width + i) for i, call in enumerate(calls))
    own = (ColumnRef(i, group.type) for i, group in enumerate(node.groups))
    return Project(join, (*own, *(ColumnRef(places[call], call.type) for call in node.aggregates)))
