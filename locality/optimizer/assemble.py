"""A region's joins as nodes again, in the order that was chosen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from locality.optimizer.enumerate import members
from locality.optimizer.graph import Graph
from locality.optimizer.order import Tree, attached_of, keys_between
from locality.plan.columns import as_key, renumbered
from locality.plan.expressions import ColumnRef, Expression, conjunction
from locality.plan.nodes import Filter, Join, JoinKey, JoinKind, Node, Project


@dataclass(frozen=True)
class _Joined:
    """A node, and the region's number of each of its columns; None for one that nothing reads."""

    node: Node
    columns: tuple[int | None, ...]

    def places(self) -> dict[int, int]:
        return {column: place for place, column in enumerate(self.columns) if column is not None}


def assemble(graph: Graph, tree: Tree, terms: Sequence[Expression], outputs: Sequence[Expression]) -> Node:
    """The joins of ``tree``, filtered by ``terms`` that read no relation, with the columns ``outputs``."""
    joined = _built(graph, tree)
    places = joined.places()
    node = _filtered(joined.node, [renumbered(term, places) for term in terms])
    columns = tuple(renumbered(output, places) for output in outputs)
    same = tuple(ColumnRef(i, dtype) for i, dtype in enumerate(node.types))
    return node if columns == same else Project(node, columns)


def _built(graph: Graph, tree: Tree) -> _Joined:
    if tree.parts is None:
        (position,) = members(tree.relations)
        relation = graph.relations[position]
        return _Joined(relation.node, tuple(relation.own))
    left, right = tree.parts
    attached = attached_of(graph, right.relations)
    if attached is None:
        return _inner(graph, left, right)
    return _attached(graph, left, right, attached)


def _inner(graph: Graph, left: Tree, right: Tree) -> _Joined:
    """Terms that are no keys stay filters, which may be applied wherever that suits; but not to all pairs of rows."""
    mine, theirs = _built(graph, left), _built(graph, right)
    columns = (*mine.columns, *theirs.columns)
    equalities = keys_between(graph, left.relations, right.relations)
    keys = [JoinKey(renumbered(a, mine.places()), renumbered(b, theirs.places())) for a, b in equalities]
    join = _join(mine, theirs, "inner", keys, _newly_known(graph, left, right))
    if join.residual is not None and (join.keys or graph.is_unique(right.relations, 0)):
        return _Joined(Filter(replace(join, residual=None), join.residual), columns)
    return _Joined(join, columns)


def _attached(graph: Graph, left: Tree, right: Tree, position: int) -> _Joined:
    relation = graph.relations[position]
    mine, theirs = _built(graph, left), _built(graph, right)
    node = _join(mine, theirs, relation.kind, [], relation.terms)
    match relation.kind:
        case "semi" | "anti":
            columns: tuple[int | None, ...] = mine.columns
        case "mark":
            columns = (*mine.columns, relation.own.stop)
        case _:
            columns = (*mine.columns, *theirs.columns)
    joined = _Joined(node, columns)
    places = joined.places()
    return _Joined(_filtered(node, [renumbered(term, places) for term in _newly_known(graph, left, right)]), columns)


def _newly_known(graph: Graph, left: Tree, right: Tree) -> list[Expression]:
    """The terms that can be told of the joined parts, and could not be told of either."""
    both = left.relations | right.relations
    return [
        term.expression
        for term in graph.terms
        if not term.needs & ~both and term.needs & ~left.relations and term.needs & ~right.relations
    ]


def _join(left: _Joined, right: _Joined, kind: JoinKind, keys: Iterable[JoinKey], terms: Iterable[Expression]) -> Join:
    """The join whose condition is ``keys`` and ``terms``, which are over the region's columns."""
    width = len(left.columns)
    places = left.places() | {column: width + place for column, place in right.places().items()}
    found, residual = list(keys), []
    for term in terms:
        placed = renumbered(term, places)
        key = as_key(placed, width, constant=kind == "mark")  # which can't test other conditions
        if key is None:
            residual.append(placed)
        else:
            found.append(key)
    return Join(left.node, right.node, kind, tuple(found), conjunction(residual) if residual else None)


def _filtered(node: Node, terms: Sequence[Expression]) -> Node:
    return Filter(node, conjunction(terms)) if terms else node
