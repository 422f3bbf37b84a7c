"""Groups without the keys that the other keys determine: these are computed once a group.

``GROUP BY day, year(day), ip, ip - 1`` makes the groups of ``GROUP BY day, ip``: what is computed of keys alone is the
same in all rows of a group, so that fewer and narrower keys are hashed and compared, and each is computed of groups.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from locality.plan.columns import renumbered, substituted
from locality.plan.expressions import ColumnRef, Expression, columns_of
from locality.plan.nodes import Aggregate, Node, Project, inputs_of, with_inputs
from locality.types import DataType, Domain

_AMBIGUOUS = frozenset({"INTERVAL", "TIME WITH TIME ZONE"})


def leave_out_determined(root: Node) -> Node:
    """The plan in which no aggregation groups by what its other keys determine."""
    root = with_inputs(root, [leave_out_determined(child) for child in inputs_of(root)])
    return _narrowed(root) if isinstance(root, Aggregate) else root


def _narrowed(node: Aggregate) -> Node:
    below = node.child
    computed = [substituted(g, below.expressions) if isinstance(below, Project) else g for g in node.groups]
    sources: dict[int, int] = {}  # columns below -> the first group that is the column
    for position, each in enumerate(computed):
        if isinstance(each, ColumnRef) and _is_exact(each.type):
            sources.setdefault(each.index, position)
    dependent = [_is_dependent(each, sources.keys()) for each in computed]
    if not any(dependent):
        return node
    kept = [position for position, left_out in enumerate(dependent) if not left_out]
    aggregated = replace(node, groups=tuple(node.groups[position] for position in kept))
    places = {column: kept.index(position) for column, position in sources.items()}
    keys = [
        renumbered(each, places) if left_out else ColumnRef(kept.index(position), each.type)
        for position, (each, left_out) in enumerate(zip(computed, dependent, strict=True))
    ]
    first = len(kept)
    calls = (ColumnRef(first + i, call.type) for i, call in enumerate(node.aggregates))
    return Project(aggregated, (*keys, *calls))


def _is_dependent(expression: Expression, sources: Set[int]) -> bool:
    """Whether an expression is computed of ``sources`` alone."""
    read = columns_of(expression)
    return not isinstance(expression, ColumnRef) and bool(read) and read <= sources


def _is_exact(dtype: DataType) -> bool:
    """Whether equal values are the same: 0.0 and -0.0 are not, nor a month and 30 days; a group keeps one of them."""
    return dtype.domain in (Domain.INTEGER, Domain.STRING, Domain.WIDE) and dtype.name not in _AMBIGUOUS
