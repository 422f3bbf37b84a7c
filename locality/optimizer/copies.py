"""Rows beside each of a few constant ones as a UNION ALL, under aggregates: a pipeline for each constant row.

UNPIVOT, and UNNEST of a list that the query says, repeat rows and choose by a number which column each copy shows. Each
copy by itself reads the columns that it shows and no others, and what it is grouped by is known before it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from locality.optimizer.totals import TOTALS
from locality.plan.columns import substituted
from locality.plan.expressions import AggregateCall, Call, Case, ColumnRef, Constant, Expression, PhysicalValue, rewrite
from locality.plan.nodes import Aggregate, Filter, Join, Node, Project, Union, Values, inputs_of, with_inputs

#: The most copies: each is a pipeline.
_MOST_COPIES = 32


def unite_copies(root: Node) -> Node:
    """The plan in which aggregates read copies of rows instead of repeated rows, if they mind no order among copies."""
    node = with_inputs(root, [unite_copies(child) for child in inputs_of(root)])
    copies = _copies(node.child) if isinstance(node, Aggregate) else ()
    if not isinstance(node, Aggregate) or not copies:
        return node
    if any(_differs(copies, group) for group in node.groups):
        return Union(tuple(replace(node, child=copy) for copy in copies))
    return replace(node, child=Union(tuple(copies))) if all(map(_minds_no_order, node.aggregates)) else node


def _differs(copies: Sequence[Node], group: Expression) -> bool:
    """Whether no two copies have the same value of a key: none of their groups are the same."""
    values = [_constant(copy, group) for copy in copies]
    return None not in values and len(set(values)) == len(values)


def _constant(node: Node, expression: Expression) -> PhysicalValue:
    """The value of an expression in all rows of ``node``, if it is a number or text that the plan says."""
    match node, expression:
        case _, Constant(int() | str() as value):
            return value
        case Project(child, expressions), ColumnRef(index):
            return _constant(child, expressions[index])
        case Filter(child), _:
            return _constant(child, expression)
        case _:
            return None


def _minds_no_order(call: AggregateCall) -> bool:
    return call.name in TOTALS and not call.keys


def _copies(node: Node) -> Sequence[Node]:
    """Plans whose rows together are those of ``node``, which repeats others; none if it does not."""
    match node:
        case Join(child, Values(rows, types), "inner", (), None) if len(rows) <= _MOST_COPIES:
            own = tuple(ColumnRef(i, dtype) for i, dtype in enumerate(child.types))
            return [Project(child, (*own, *map(Constant, row, types))) for row in rows]
        case Project(child, expressions):
            return [_projected(copy, expressions) for copy in _copies(child)]
        case Filter(child, predicate):
            return [Filter(copy, predicate) for copy in _copies(child)]
        case _:
            return []


def _projected(copy: Node, expressions: Sequence[Expression]) -> Project:
    """What the expressions make of a copy's rows."""
    if isinstance(copy, Project):
        return Project(copy.child, tuple(_chosen(each, copy.expressions) for each in expressions))
    return Project(copy, tuple(expressions))


def _chosen(expression: Expression, outputs: Sequence[Expression]) -> Expression:
    """The expression of a copy's columns, with the branches taken that its constants choose."""
    return rewrite(substituted(expression, outputs), _taken)


def _taken(expression: Expression) -> Expression:
    match expression:
        case Case(((Call("=", (Constant(int(left)), Constant(int(right)))), _), *_) as branches, otherwise):
            if left == right:
                return branches[0][1]
            rest = branches[1:]
            return _taken(Case(rest, otherwise, expression.type)) if rest else otherwise
        case _:
            return expression
