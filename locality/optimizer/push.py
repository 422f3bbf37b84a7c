"""Filters moved as near to the stored rows as they may go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from locality.errors import Unsupported
from locality.plan.columns import substituted
from locality.plan.expressions import ColumnRef, Expression, Parameter, columns_of, conjunction, conjuncts, walk
from locality.plan.nodes import Aggregate, Filter, Node, Project, SetOperation, Sort, Union, Window
from locality.sql.folding import fold


def pushed(node: Node, terms: Sequence[Expression]) -> Node:
    """The rows of ``node`` for which all ``terms``, over its columns, are true."""
    if not terms:
        return node
    match node:
        case Filter(child, predicate):
            return pushed(child, tuple(dict.fromkeys((*conjuncts(predicate), *terms))))
        case Project(child, expressions):
            terms = [substituted(term, expressions) for term in terms]
            return replace(node, child=pushed(child, [term for term in terms if not _is_true(term)]))
        case Sort(child):
            return replace(node, child=pushed(child, terms))
        case Union(inputs):
            return Union(tuple(pushed(each, terms) for each in inputs))
        case SetOperation(left, right):
            return replace(node, left=pushed(left, terms), right=pushed(right, terms))
        case Aggregate(child, groups):
            # An aggregation without groups has a row even of no rows, so nothing may be dropped below it.
            below, above = _parted(terms, frozenset(range(len(groups))))
            return _filtered(replace(node, child=pushed(child, [substituted(t, groups) for t in below])), above)
        case Window(child):
            below, above = _parted(terms, _partitions(node))
            return _filtered(replace(node, child=pushed(child, below)), above)
        case _:
            return _filtered(node, terms)


def _parted(terms: Sequence[Expression], columns: frozenset[int]) -> tuple[list[Expression], list[Expression]]:
    """Terms that read some of ``columns`` and no others, and all other terms."""
    below = [term for term in terms if columns_of(term) and columns_of(term) <= columns]
    return below, [term for term in terms if term not in below]


def _partitions(node: Window) -> frozenset[int]:
    """The columns that all calls partition by: a partition is kept or dropped as a whole."""
    parts = [frozenset(p.index for p in call.partitions if isinstance(p, ColumnRef)) for call in node.calls]
    return frozenset.intersection(*parts)


def _is_true(term: Expression) -> bool:
    """Whether a term reads no column and is true, whatever the values of parameters."""
    if any(isinstance(part, ColumnRef | Parameter) for part in walk(term)):
        return False
    try:
        return fold(term).value is True
    except Unsupported:
        return False  # an error, if there are rows at all


def _filtered(node: Node, terms: Sequence[Expression]) -> Node:
    return Filter(node, conjunction(list(dict.fromkeys(terms)))) if terms else node
