"""Groups of a UNION ALL made of the groups of its inputs, where these are few: their rows need not be put together.

Tables of months or channels that are united and then summed up are each summed up in a pipeline of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from locality.errors import Unsupported
from locality.optimizer.distribute import united
from locality.optimizer.estimate import Estimator
from locality.optimizer.regroup import PLAIN, again, parts_of
from locality.optimizer.statistics import Statistics
from locality.plan.expressions import ColumnRef
from locality.plan.nodes import Aggregate, Node, Union, inputs_of, with_inputs

#: Rows of the inputs from which on it pays, and the share of groups among them up to which it does.
_LEAST_ROWS, _MOST_GROUPS = 10_000, 0.1


def unite_groups(root: Node, statistics: Statistics) -> Node:
    """The plan in which few groups of united rows are made of each input's groups; what is summed up is exact."""
    node = with_inputs(root, [unite_groups(child, statistics) for child in inputs_of(root)])
    if not isinstance(node, Aggregate) or any(group.type.domain not in PLAIN for group in node.groups):
        return node
    inputs = united(node.child)
    if not inputs or not _are_few(node, inputs, Estimator(statistics)):
        return node
    try:
        return _united(node, inputs)
    except Unsupported:
        return node


def _are_few(node: Aggregate, inputs: Sequence[Node], known: Estimator) -> bool:
    rows = sum(known.estimate(each).rows for each in inputs)
    groups = sum(known.estimate(replace(node, child=each)).rows for each in inputs)
    return rows >= _LEAST_ROWS and groups <= _MOST_GROUPS * rows


def _united(node: Aggregate, inputs: Sequence[Node]) -> Node:
    """Raises Unsupported for aggregates that can't be put together from parts."""
    of_call = parts_of(node.aggregates)
    kept = tuple(dict.fromkeys(part for parts in of_call for part in parts))
    width = len(node.groups)
    places = {part: ColumnRef(width + i, part.type) for i, part in enumerate(kept)}
    calls = [again(call, [places[p] for p in parts]) for call, parts in zip(node.aggregates, of_call, strict=True)]
    groups = tuple(ColumnRef(i, group.type) for i, group in enumerate(node.groups))
    return Aggregate(Union(tuple(Aggregate(each, node.groups, kept) for each in inputs)), groups, tuple(calls))
