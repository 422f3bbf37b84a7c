"""What decoding an operator of DuckDB's plan gives: a node, and where it puts the operator's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from locality.errors import Unsupported
from locality.plan.expressions import ColumnRef, Expression, SortKey, conjunction, conjuncts
from locality.plan.nodes import Filter, Node, Project
from locality.sql.scalars import Resolve, decode_expression
from locality.sql.versions.meaning import check_call

Elements = tuple[Expression, ...]


@dataclass(frozen=True)
class Output:
    """A decoded operator: ``layout[i]`` is the position in ``node`` of the column that DuckDB's operator puts i-th.

    None marks a column that has no counterpart (the one column of no table); only a reference to it is refused.
    ``lists`` are the columns that are lists of known length, as their elements, over the node's columns.
    """

    node: Node
    layout: tuple[int | None, ...]
    lists: Mapping[int, Elements] = field(default_factory=dict)

    def resolve(self, index: int) -> ColumnRef:
        """DuckDB's column ``index`` as a column of the node."""
        position = self.layout[index]
        if position is None and index in self.lists:
            raise Unsupported("list that the query says")
        if position is None:
            raise Unsupported("pseudo-column")
        return ColumnRef(position, self.node.types[position])

    def pick(self, positions: Sequence[int]) -> Output:
        """Only the columns at ``positions``; none given means all."""
        return Output(self.node, tuple(self.layout[p] for p in positions)) if positions else self

    def exact(self) -> Node:
        """The node whose columns are exactly those of DuckDB's operator."""
        if self.layout == tuple(range(len(self.node.types))):
            return self.node
        return Project(self.node, tuple(self.resolve(i) for i in range(len(self.layout))))


def all_of(node: Node) -> Output:
    """A node that puts its columns as DuckDB does."""
    return Output(node, tuple(range(len(node.types))))


def filtered(node: Node, predicates: Sequence[Expression]) -> Node:
    """One Filter for all conditions on ``node``: DuckDB pushes some into the scan and repeats them above it."""
    earlier = conjuncts(node.predicate) if isinstance(node, Filter) else ()
    terms = dict.fromkeys((*earlier, *(term for predicate in predicates for term in conjuncts(predicate))))
    if not terms:
        return node
    return Filter(node.child if isinstance(node, Filter) else node, conjunction(list(terms)))


def decode_all(parts: Sequence[dict[str, Any]], resolve: Resolve) -> tuple[Expression, ...]:
    """Several expressions over one input."""
    return tuple(decode_expression(part, resolve) for part in parts)


def decode_orders(orders: Sequence[dict[str, Any]], resolve: Resolve) -> tuple[SortKey, ...]:
    """The terms of an ORDER BY."""
    expressions = decode_all([order["expression"] for order in orders], resolve)
    check_call("order by", expressions)
    return tuple(
        SortKey(expression, order["type"] == "DESCENDING", order["null_order"].replace("_", " ") == "NULLS FIRST")
        for expression, order in zip(expressions, orders, strict=True)
    )
