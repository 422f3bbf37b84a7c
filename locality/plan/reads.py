"""What plan nodes compute: the expressions of each, over the columns of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from locality.plan.expressions import Expression
from locality.plan.nodes import Aggregate, AsofJoin, ComputedLimit, Filter, Join, Node, Project, Sort, Unnest, Window


def expressions_of(node: Node) -> Iterator[Expression]:
    """The expressions of ``node`` itself, over the columns of its inputs."""
    match node:
        case Filter(predicate=predicate):
            yield predicate
        case Project(expressions=expressions):
            yield from expressions
        case Aggregate(groups=groups, aggregates=aggregates):
            yield from groups
            for call in aggregates:
                yield from call.expressions()
        case Sort(keys=keys):
            yield from (key.expression for key in keys)
        case Join(keys=keys, residual=residual):
            for key in keys:
                yield from (key.left, key.right)
            yield from () if residual is None else (residual,)
        case AsofJoin(keys=keys, value=value):
            for key in (*keys, value):
                yield from (key.left, key.right)
        case Window(calls=calls):
            for window in calls:
                yield from window.expressions()
        case Unnest(lists=lists):
            yield from lists
        case ComputedLimit(limit=limit):
            yield from () if limit is None else (limit,)
        case _:
            pass


def with_expressions(node: Node, change: Callable[[Expression], Expression]) -> Node:
    """``node`` with each expression that :func:`expressions_of` gives changed to one of the same type."""
    match node:
        case Filter(child, predicate):
            return Filter(child, change(predicate))
        case Project(child, expressions):
            return Project(child, tuple(change(e) for e in expressions))
        case Aggregate(child, groups, aggregates):
            return Aggregate(child, tuple(change(g) for g in groups), tuple(call.mapped(change) for call in aggregates))
        case Sort(child, keys):
            return Sort(child, tuple(replace(key, expression=change(key.expression)) for key in keys))
        case Join(keys=keys, residual=residual):
            other = None if residual is None else change(residual)
            return replace(node, keys=tuple(key.mapped(change) for key in keys), residual=other)
        case AsofJoin(keys=keys, value=value):
            return replace(node, keys=tuple(key.mapped(change) for key in keys), value=value.mapped(change))
        case Window(child, calls):
            return Window(child, tuple(call.mapped(change) for call in calls))
        case ComputedLimit(limit=limit):
            return replace(node, limit=None if limit is None else change(limit))
        case Unnest(child, lists):
            return Unnest(child, tuple(change(each) for each in lists))
        case _:
            return node
