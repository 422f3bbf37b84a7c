"""Drops what nobody reads: columns of scans and projections, and aggregates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from locality.plan.expressions import AggregateCall, ColumnRef, Expression, columns_of, rewrite
from locality.plan.nodes import Aggregate, Filter, Limit, Node, Project, Scan, Sort


def prune_columns(root: Node) -> Node:
    """The plan with every node's output reduced to what is used above it; the root's output stays as it is."""
    pruned, kept = _prune(root, frozenset(range(len(root.types))))
    assert list(kept) == list(range(len(root.types))), "the root's columns are all used"
    return pruned


def _prune(node: Node, used: frozenset[int]) -> tuple[Node, Sequence[int]]:
    """The node with at least the ``used`` columns, and which of its old columns the new ones are, in order."""
    match node:
        case Scan(table, columns, types):
            kept: Sequence[int] = sorted(used)
            return Scan(table, tuple(columns[i] for i in kept), tuple(types[i] for i in kept)), kept
        case Filter(child, predicate):
            pruned, kept = _prune(child, used | columns_of(predicate))
            return Filter(pruned, _renumber(predicate, kept)), kept
        case Project(child, expressions):
            kept = sorted(used)
            chosen = [expressions[i] for i in kept]
            pruned, below = _prune(child, _read(chosen))
            return Project(pruned, tuple(_renumber(e, below) for e in chosen)), kept
        case Aggregate(child, groups, aggregates):
            return _prune_aggregate(child, groups, aggregates, used)
        case Sort(child, keys):
            pruned, kept = _prune(child, used | _read(key.expression for key in keys))
            renumbered = tuple(replace(key, expression=_renumber(key.expression, kept)) for key in keys)
            return Sort(pruned, renumbered), kept
        case Limit(child):
            pruned, kept = _prune(child, used)
            return replace(node, child=pruned), kept


def _prune_aggregate(
    child: Node, groups: tuple[Expression, ...], aggregates: tuple[AggregateCall, ...], used: frozenset[int]
) -> tuple[Node, Sequence[int]]:
    """Groups stay, because they make the rows."""
    chosen = [i for i in range(len(aggregates)) if len(groups) + i in used]
    calls = [aggregates[i] for i in chosen]
    filters = [call.filter for call in calls if call.filter is not None]
    pruned, kept = _prune(child, _read([*groups, *(arg for call in calls for arg in call.args), *filters]))
    renumbered = tuple(
        replace(
            call,
            args=tuple(_renumber(arg, kept) for arg in call.args),
            filter=None if call.filter is None else _renumber(call.filter, kept),
        )
        for call in calls
    )
    node = Aggregate(pruned, tuple(_renumber(group, kept) for group in groups), renumbered)
    return node, [*range(len(groups)), *(len(groups) + i for i in chosen)]


def _read(expressions: Iterable[Expression]) -> frozenset[int]:
    return frozenset().union(*(columns_of(e) for e in expressions))


def _renumber(expression: Expression, kept: Sequence[int]) -> Expression:
    positions = {old: new for new, old in enumerate(kept)}
    return rewrite(expression, lambda e: ColumnRef(positions[e.index], e.type) if isinstance(e, ColumnRef) else e)
