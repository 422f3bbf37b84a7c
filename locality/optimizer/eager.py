"""Aggregation before a left join: where each left row is a group of its own, its matches are aggregated first.

``select p.k, count(c.x) from p left join c on c.p = p.k group by p.k`` with unique ``p.k`` counts the children of each
parent. Grouping the children by their parent's key gives the same numbers, and then each parent has one match at most,
so the join neither writes nor groups pairs (Yan and Larson, "Eager aggregation and lazy aggregation", VLDB 1995).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from locality.optimizer.facts import Prover
from locality.optimizer.statistics import Statistics
from locality.plan.columns import shifted, substituted
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant, Expression, columns_of
from locality.plan.nodes import Aggregate, Join, Node, Project, inputs_of, with_inputs

#: What a left row without a match is counted as.
_OF_NO_MATCH = {"count": 0, "count_star": 1}
#: Aggregates that are NULL for it.
_NULL_OF_NO_MATCH = frozenset({"sum", "avg", "min", "max", "bool_and", "bool_or"})


def aggregate_early(root: Node, statistics: Statistics) -> Node:
    """The plan with every such aggregation below its join; its output columns stay as they are."""
    node = with_inputs(root, [aggregate_early(child, statistics) for child in inputs_of(root)])
    if not isinstance(node, Aggregate):
        return node
    over = over_join(node)
    if over is None or not _may_move(*over, Prover(statistics)):
        return node
    return _moved(*over)


def over_join(node: Aggregate) -> tuple[Aggregate, Join] | None:
    """The aggregation directly over the join below it, projections between them resolved."""
    child = node.child
    while isinstance(child, Project):
        outputs = child.expressions
        child = child.child
        node = _resolved(node, child, outputs)
    return (node, child) if isinstance(child, Join) else None


def _resolved(node: Aggregate, child: Node, outputs: Sequence[Expression]) -> Aggregate:
    """An aggregation over a projection with these ``outputs`` as one over the projection's input."""

    def over_child(expression: Expression) -> Expression:
        return substituted(expression, outputs)

    return Aggregate(child, tuple(map(over_child, node.groups)), tuple(c.mapped(over_child) for c in node.aggregates))


def _may_move(node: Aggregate, join: Join, prover: Prover) -> bool:
    width = len(join.left.types)
    if join.kind != "left" or not join.keys or join.residual is not None:
        return False
    if not node.groups:  # there is one row, even if no left row is
        return False
    if any(index >= width for group in node.groups for index in columns_of(group)):
        return False
    own = [group.index for group in node.groups if isinstance(group, ColumnRef)]
    return prover.facts(join.left).is_unique(own) and all(_reads_match(call, width) for call in node.aggregates)


def _reads_match(call: AggregateCall, width: int) -> bool:
    """Whether the aggregate's values are columns of the match, NULL where there is none."""
    if call.filter is not None or call.name not in _OF_NO_MATCH.keys() | _NULL_OF_NO_MATCH:
        return False
    return all(isinstance(arg, ColumnRef) and arg.index >= width for arg in call.args)


def _moved(node: Aggregate, join: Join) -> Node:
    width, keys = len(join.left.types), len(join.keys)

    calls = tuple(call.mapped(lambda e: shifted(e, -width)) for call in node.aggregates)
    matches = Aggregate(join.right, tuple(key.right for key in join.keys), calls)
    joined = replace(
        join,
        right=matches,
        keys=tuple(replace(key, right=ColumnRef(i, key.right.type)) for i, key in enumerate(join.keys)),
    )
    results = (_result(call, ColumnRef(width + keys + i, call.type)) for i, call in enumerate(calls))
    return Project(joined, (*node.groups, *results))


def _result(call: AggregateCall, column: ColumnRef) -> Expression:
    if call.name not in _OF_NO_MATCH:
        return column
    return Call("coalesce", (column, Constant(_OF_NO_MATCH[call.name], call.type)), call.type)
