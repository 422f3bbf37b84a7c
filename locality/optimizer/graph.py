"""A region as a graph: which relations the terms connect, and how many rows each set of relations has, about."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from locality.optimizer.deleted import whole_table
from locality.optimizer.enumerate import components, members
from locality.optimizer.equalities import equal_expressions
from locality.optimizer.estimate import Estimate, Estimator, domain_of, guess, key_share
from locality.optimizer.facts import Prover
from locality.optimizer.regions import Region, Relation
from locality.plan.expressions import Call, ColumnRef, Expression, columns_of
from locality.plan.nodes import Node, Project

#: Relations up to which a set's rows are counted with one or another of them last: beyond, the sets would be too many.
_MOST_ORDERS = 10


@dataclass(frozen=True)
class Member:
    """One of several equal expressions: what it is, the relation that it reads, and from how many values it is."""

    expression: Expression
    relation: int
    domain: float


@dataclass(frozen=True)
class Term:
    """A condition that is no equality of inner relations: the relations that must be joined before it can be told."""

    expression: Expression
    needs: int
    share: float


class Graph:
    """The relations of a region, by position. Sets of them are bits of an integer, and so are sets of classes.

    classes: expressions over one inner relation each that are all equal.
    terms: all other conditions over several relations, or over one that is not inner.
    edges: for each relation, which others a term or condition connects it with; all relations are connected somehow.
    kept: for each relation, whether it is a whole stored table, whose index is kept from query to query.
    """

    def __init__(self, region: Region, prover: Prover, estimator: Estimator) -> None:
        self.relations = region.relations
        self.estimates = [estimator.estimate(relation.node) for relation in region.relations]
        self.widths = [_width(relation) for relation in region.relations]
        self._facts = [prover.facts(relation.node) for relation in region.relations]
        self._owners = region.owners()
        self._numbered = self._all_columns()
        classes, others = equal_expressions(region.terms, region.relations, self._owners)
        self.classes = [[Member(e, owner, domain_of(e, self._numbered)) for e, owner in c.items()] for c in classes]
        self.terms = [Term(term, self._needs(term), guess(term, self._numbered)) for term in others]
        self.edges = self._edges()
        self.kept = [_is_stored(relation.node) for relation in region.relations]
        self.single = [self._matches_once(position) for position in range(len(self.relations))]
        self._classes_of = [self._classes_in(position) for position in range(len(self.relations))]
        self._unique = [self._unique_classes(position) for position in range(len(self.relations))]
        self._order = self._counting_order()
        self._rows: dict[int, float] = {0: 1.0}
        self._deciding: dict[int, list[int]] = {}

    @property
    def all(self) -> int:
        """The set of all relations."""
        return (1 << len(self.relations)) - 1

    # --- terms and edges

    def _all_columns(self) -> Estimate:
        """The domains of the numbered columns, as those of one node."""
        domains = [1.0] * (1 + max(self._owners, default=0))
        for relation, estimate in zip(self.relations, self.estimates, strict=True):
            domains[relation.own.start : relation.own.stop] = estimate.domains
        base = max((estimate.base for estimate in self.estimates), default=1.0)
        return Estimate(base, tuple(domains), base)

    def _needs(self, term: Expression) -> int:
        needs = 0
        for owner in {self._owners[column] for column in columns_of(term)}:
            needs |= 1 << owner | _bits(self.relations[owner].needs)
        return needs

    def _edges(self) -> list[int]:
        edges = [0] * len(self.relations)

        def connect(relations: Iterable[int]) -> None:
            bits = _bits(relations)
            for position in members(bits):
                edges[position] |= bits & ~(1 << position)

        for equal in self.classes:
            connect(member.relation for member in equal)
        for term in self.terms:
            read = {self._owners[column] for column in columns_of(term.expression)}
            if len(read) == 2:
                connect(read)
        for position, relation in enumerate(self.relations):
            connect((position, *relation.needs))
        main, *others = sorted(components(edges), key=int.bit_count, reverse=True)
        largest = max(members(main), key=lambda i: (self.relations[i].kind == "inner", self.estimates[i].rows))
        for part in others:
            connect((min(members(part), key=lambda i: self.estimates[i].rows), largest))
        return edges

    # --- equal expressions

    def _classes_in(self, position: int) -> int:
        return _bits(i for i, equal in enumerate(self.classes) if any(m.relation == position for m in equal))

    def common_classes(self, left: int, right: int) -> int:
        """The classes of which both sets of relations have an expression: what joins them."""
        return self._classes(left) & self._classes(right)

    def _classes(self, relations: int) -> int:
        bits = 0
        for position in members(relations):
            bits |= self._classes_of[position]
        return bits

    def _unique_classes(self, position: int) -> list[int]:
        """The sets of classes whose values identify a row of one relation."""
        relation, found = self.relations[position], []
        class_of = {m.expression: i for i, equal in enumerate(self.classes) for m in equal if m.relation == position}
        for key in self._facts[position].unique:
            columns = [ColumnRef(relation.first + i, relation.node.types[i]) for i in key]
            if all(column in class_of for column in columns):
                found.append(_bits(class_of[column] for column in columns))
        return found

    def _is_identified(self, position: int, classes: int) -> bool:
        return any(not needed & ~classes for needed in self._unique[position])

    def is_unique(self, relations: int, classes: int) -> bool:
        """Whether the join of a set of relations has one row at most for each combination of the classes' values.

        It has, if they identify a row of one relation, which determines those of all others.
        """
        if relations not in self._deciding:
            inner = (i for i in members(relations) if self.relations[i].kind == "inner")
            self._deciding[relations] = [i for i in inner if self._reach(i, relations) == relations]
        return any(self._is_identified(position, classes) for position in self._deciding[relations])

    def _reach(self, start: int, relations: int) -> int:
        """The relations of which a row of ``start`` has one row at most."""
        reached, classes, grew = 1 << start, self._classes_of[start], True
        while grew:
            grew = False
            for position in members(relations & ~reached):
                inner = self.relations[position].kind == "inner"
                if self._is_identified(position, classes) if inner else self.single[position]:
                    reached |= 1 << position
                    classes |= self._classes_of[position]
                    grew = True
        return reached

    def _matches_once(self, position: int) -> bool:
        """Whether a join with a relation that is not inner never repeats a row."""
        relation = self.relations[position]
        if relation.kind != "left":
            return relation.kind != "inner"
        sides = (sides_of(term, relation) for term in relation.terms)
        keys = (pair[0] for pair in sides if pair is not None)
        return self._facts[position].is_unique(e.index - relation.first for e in keys if isinstance(e, ColumnRef))

    # --- rows

    def _counting_order(self) -> list[int]:
        """Inner relations, the largest first, then all others: the place of each in the order of counting."""
        inner = [relation.kind == "inner" for relation in self.relations]
        order = sorted(range(len(inner)), key=lambda i: (inner[i], self.estimates[i].base), reverse=True)
        return [order.index(position) for position in range(len(order))]

    def rows(self, relations: int) -> float:
        """How many rows the join of a set of relations has, about; the same in whatever order they are joined."""
        known = self._rows.get(relations)
        if known is None:
            known = min(self._rows_after(relations & ~(1 << last), last) for last in self._last_ones(relations))
            self._rows[relations] = known
        return known

    def _last_ones(self, relations: int) -> set[int]:
        """The relation that is counted last, and all of which a row of the others finds about one row.

        Several relations together may have the key of a relation of which each of them alone meets many rows: then
        counting that relation last says more.
        """
        found = {max(members(relations), key=self._order.__getitem__)}
        if relations.bit_count() > _MOST_ORDERS:
            return found
        for position in members(relations):
            others = relations & ~(1 << position)
            if self.relations[position].kind == "inner" and self._tells_apart(
                position, self.common_classes(others, 1 << position)
            ):
                found.add(position)
        return found

    def _tells_apart(self, position: int, classes: int) -> bool:
        """Whether the classes' values identify a row of one relation, or have as many combinations as it has rows."""
        if self._is_identified(position, classes):
            return True
        domains = (min(m.domain for m in self.classes[c] if m.relation == position) for c in members(classes))
        return math.prod(domains) >= max(self.estimates[position].rows, 2.0)

    def _rows_after(self, before: int, last: int) -> float:
        rows = self.rows(before) * self._growth(before, last)
        for term in self.terms:
            if not term.needs & ~(before | 1 << last) and term.needs & ~before:
                rows *= term.share
        return rows

    def _growth(self, joined: int, position: int) -> float:
        """By what a join with one more relation multiplies the number of rows, about."""
        if self.relations[position].kind == "inner":
            return self.estimates[position].rows * self._share(joined, position)
        return self._attached_growth(joined, position)

    def _share(self, joined: int, position: int) -> float:
        """The share of pairs of joined rows and rows of one more relation that agree on all equalities."""
        classes = self.common_classes(joined, 1 << position)
        if self._is_identified(position, classes):
            return 1.0 / self.estimates[position].base
        keys: list[tuple[float, float]] = []
        partners = 0
        for number in members(classes):
            equal = self.classes[number]
            mine = min(m.domain for m in equal if m.relation == position)
            theirs = min((m for m in equal if joined >> m.relation & 1), key=lambda m: m.domain)
            partners |= 1 << theirs.relation
            keys.append((theirs.domain, mine))
        for partner in members(partners):
            if self._is_identified(partner, classes):
                return 1.0 / self.estimates[partner].base
        base = math.prod(self.estimates[partner].base for partner in members(partners))
        return key_share(keys, base, self.estimates[position].base)

    def _attached_growth(self, joined: int, position: int) -> float:
        relation, estimate = self.relations[position], self.estimates[position]
        keys: list[tuple[float, float]] = []
        matches = estimate.rows
        for term in relation.terms:
            sides = sides_of(term, relation)
            if sides is None:
                matches *= guess(term, self._numbered)
            else:
                keys.append((domain_of(sides[1], self._numbered), domain_of(sides[0], self._numbered)))
        base = max((self.estimates[i].base for i in members(joined)), default=1.0)
        matches *= key_share(keys, base, estimate.base)
        match relation.kind:
            case "semi":
                return min(matches, 1.0)
            case "anti":
                return max(1.0 - matches, 0.1)
            case "left":
                return 1.0 if self.single[position] else max(matches, 1.0)
            case _:
                return 1.0


def sides_of(term: Expression, relation: Relation) -> tuple[Expression, Expression] | None:
    """Of an equality of ``relation`` with others: its side, and theirs."""
    match term:
        case Call("=" | "is not distinct from", (one, other)):
            own = frozenset(relation.own)
            for mine, theirs in ((one, other), (other, one)):
                read = columns_of(mine)
                if read and read <= own and own.isdisjoint(columns_of(theirs)):
                    return mine, theirs
    return None


def _is_stored(node: Node) -> bool:
    match node:
        case Project(child, expressions):
            return all(isinstance(e, ColumnRef) for e in expressions) and _is_stored(child)
        case _:
            return whole_table(node) is not None


def _width(relation: Relation) -> int:
    """Bytes of a row, as columns that others may read."""
    return sum(dtype.row_bytes for dtype in relation.node.types) if relation.kind in ("inner", "left", "single") else 0


def _bits(positions: Iterable[int]) -> int:
    bits = 0
    for position in positions:
        bits |= 1 << position
    return bits
