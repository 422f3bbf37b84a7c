"""Joins that may be reordered, as a set of relations and of terms, freed from the tree that they were written in.

All columns of a region's relations are numbered through: expressions read these numbers, whatever the order of joins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from locality.optimizer.facts import Prover
from locality.plan.columns import as_term, renumbered, replaced, substituted
from locality.plan.expressions import ColumnRef, Constant, Expression, columns_of, conjunction, conjuncts
from locality.plan.nodes import Filter, Join, JoinKey, JoinKind, Node, Project
from locality.types import BOOLEAN


@dataclass(frozen=True)
class Relation:
    """Rows that take part in a region's joins, whose columns are numbered from ``first``.

    kind: ``inner`` for rows that combine with all others; else how rows found so far are joined with these, which is
        then their right side: left, single, semi, anti or mark.
    terms: of a relation that is not inner, its condition, over the numbered columns.
    needs: relations (by position in the region) that must be joined before one that is not inner.
    """

    node: Node
    first: int
    kind: JoinKind = "inner"
    terms: tuple[Expression, ...] = ()
    needs: frozenset[int] = frozenset()

    @property
    def width(self) -> int:
        """The columns that are numbered: a mark follows those of its relation."""
        return len(self.node.types) + (self.kind == "mark")

    @property
    def own(self) -> range:
        """The numbers of the columns of ``node``."""
        return range(self.first, self.first + len(self.node.types))

    @property
    def shown(self) -> range:
        """The numbers of the columns that terms of the region may read once the relation is joined."""
        match self.kind:
            case "semi" | "anti":
                return range(0)
            case "mark":
                return range(self.own.stop, self.own.stop + 1)
            case _:
                return self.own


@dataclass(frozen=True)
class Region:
    """Inner joins of ``relations``, with all those that are joined to them, filtered by ``terms``.

    outputs: the columns of the node that the region stands for, as expressions over the numbered columns.
    """

    relations: tuple[Relation, ...]
    terms: tuple[Expression, ...]
    outputs: tuple[Expression, ...]

    def owners(self) -> dict[int, int]:
        """The position of the relation that each numbered column belongs to."""
        return {
            column: position
            for position, relation in enumerate(self.relations)
            for column in range(relation.first, relation.first + relation.width)
        }

    def with_columns(self, known: Mapping[int, Expression]) -> Region:
        """The region with other expressions for some of its columns."""

        def change(expression: Expression) -> Expression:
            return replaced(expression, lambda e: known.get(e.index, e))

        relations = (replace(each, terms=tuple(map(change, each.terms))) for each in self.relations)
        return Region(tuple(relations), tuple(map(change, self.terms)), tuple(map(change, self.outputs)))

    def without(self, position: int, heir: int) -> Region:
        """Without a relation whose columns nothing reads; what had to be joined after it now is after ``heir``."""

        def moved(needs: frozenset[int]) -> frozenset[int]:
            inherited = (heir if n == position else n for n in needs)
            return frozenset(n - (n > position) for n in inherited)

        kept = (relation for i, relation in enumerate(self.relations) if i != position)
        return replace(self, relations=tuple(replace(each, needs=moved(each.needs)) for each in kept))


def region_of(node: Node, prover: Prover) -> Region:
    """The region whose topmost node is ``node``; one relation, if it joins nothing."""
    collector = _Collector(prover)
    outputs = collector.outputs(node)
    return Region(tuple(collector.relations), tuple(collector.terms), outputs)


def rebuilt(region: Region) -> Node:
    """The node that the region stands for: its inner relations joined as they are listed, then all others."""
    main, *others = _in_order(region.relations)
    node, places = main.node, {column: i for i, column in enumerate(main.own)}
    for relation in others:
        width = len(node.types)
        both = {**places, **{column: width + i for i, column in enumerate(relation.own)}}
        condition = [renumbered(term, both) for term in relation.terms]
        node = Join(node, relation.node, relation.kind, (), conjunction(condition) if condition else None)
        places.update((column, width + i) for i, column in enumerate(relation.shown))
    if region.terms:
        node = Filter(node, conjunction([renumbered(term, places) for term in region.terms]))
    return Project(node, tuple(renumbered(output, places) for output in region.outputs))


def _in_order(relations: Sequence[Relation]) -> list[Relation]:
    """Inner relations first, then each of the others after those that it needs."""
    order = [i for i, relation in enumerate(relations) if relation.kind == "inner"]
    rest = [i for i in range(len(relations)) if i not in order]
    while rest:
        ready = next(i for i in rest if relations[i].needs.isdisjoint({*rest} - {i}))
        order.append(ready)
        rest.remove(ready)
    return [relations[i] for i in order]


@dataclass
class _Collector:
    prover: Prover
    relations: list[Relation] = field(default_factory=list)
    terms: list[Expression] = field(default_factory=list)
    width: int = 0

    def outputs(self, node: Node) -> tuple[Expression, ...]:
        """Takes the relations and terms of ``node``; returns its columns over the numbered ones."""
        match node:
            case Filter(child, predicate):
                columns = self.outputs(child)
                self.terms += [substituted(term, columns) for term in conjuncts(predicate)]
                return columns
            case Project(child, expressions) if _is_transparent(node):
                columns = self.outputs(child)
                return tuple(substituted(e, columns) for e in expressions)
            case Join(left, right, "right", keys, residual):
                return self._turned(left, right, keys, residual)
            case Join(kind="full"):
                return self._relation(node)
            case Join(kind="single") if not self._matches_once(node):
                return self._relation(node)  # which rows it meets decides whether it is an error
            case Join(left, right, "inner"):
                columns = (*self.outputs(left), *self.outputs(right))
                self.terms += [substituted(term, columns) for term in _conditions(node)]
                return columns
            case Join():
                return self._attached(node)
            case _:
                return self._relation(node)

    def _matches_once(self, node: Join) -> bool:
        keys = (key.right.index for key in node.keys if isinstance(key.right, ColumnRef))
        return self.prover.facts(node.right).is_unique(keys)

    def _relation(self, node: Node) -> tuple[Expression, ...]:
        relation = Relation(node, self.width)
        self._add(relation)
        return _columns(relation.node, relation.first)

    def _attached(self, node: Join) -> tuple[Expression, ...]:
        before = len(self.relations)
        left = self.outputs(node.left)
        right = _columns(node.right, self.width)
        terms = tuple(substituted(term, (*left, *right)) for term in _conditions(node))
        owners = Region(tuple(self.relations), (), ()).owners()
        read = frozenset().union(*(columns_of(term) for term in terms))
        needs = frozenset(owners[i] for i in read if i < self.width) or frozenset({before})
        relation = Relation(node.right, self.width, node.kind, terms, needs)
        self._add(relation)
        match node.kind:
            case "semi" | "anti":
                return left
            case "mark":
                return (*left, ColumnRef(relation.own.stop, BOOLEAN))
            case _:
                return (*left, *right)

    def _turned(
        self, left: Node, right: Node, keys: tuple[JoinKey, ...], residual: Expression | None
    ) -> tuple[Expression, ...]:
        """A right join is a left join from the other side."""
        mine, theirs = len(left.types), len(right.types)
        if residual is not None:
            residual = replaced(
                residual, lambda e: ColumnRef(e.index + theirs if e.index < mine else e.index - mine, e.type)
            )
        turned = tuple(JoinKey(key.right, key.left, key.null_safe) for key in keys)
        columns = self._attached(Join(right, left, "left", turned, residual))
        return (*columns[theirs:], *columns[:theirs])

    def _add(self, relation: Relation) -> None:
        self.relations.append(relation)
        self.width += relation.width


def _is_transparent(node: Project) -> bool:
    """Whether to look below: what is computed of joined rows can be computed of them in any order."""
    below = node.child
    while isinstance(below, Filter | Project):
        below = below.child
    return isinstance(below, Join) or all(isinstance(e, ColumnRef | Constant) for e in node.expressions)


def _columns(node: Node, first: int) -> tuple[Expression, ...]:
    return tuple(ColumnRef(first + i, dtype) for i, dtype in enumerate(node.types))


def _conditions(node: Join) -> list[Expression]:
    """All that a match fulfils, over the left columns, then the right ones."""
    terms = [as_term(key, len(node.left.types)) for key in node.keys]
    return terms if node.residual is None else [*terms, *conjuncts(node.residual)]
