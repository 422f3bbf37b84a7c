"""Correlated subqueries over tables that the outer rows were joined from: they read the outer rows.

``select ... from t, p where t.k = p.k and p.a = 1 and t.b > (select avg(b) from t as o where o.k = t.k)`` asks for the
average of rows that the outer query has in hand: those of ``t`` with a ``k`` that occurs among the outer rows, and
nothing but ``k`` decided which rows of ``t`` these are. They are not scanned and joined a second time. (The case in
which Zuzarte and others make a window of the subquery, "WinMagic", SIGMOD 2003.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, permutations

from locality.optimizer.facts import Prover, not_null_by
from locality.optimizer.lineage import classes_of
from locality.optimizer.regions import Region, Relation, region_of
from locality.optimizer.statistics import Statistics
from locality.plan.columns import replaced
from locality.plan.expressions import Call, ColumnRef, Expression, columns_of
from locality.plan.nodes import Filter, Join, Node, Project, Scan, Shared, SharedScan, inputs_of, with_inputs

#: Ways to find the subquery's relations among the outer ones that are tried: more than one only if a table comes twice.
_MOST_WAYS = 24


def read_outer_rows(root: Node, statistics: Statistics) -> Node:
    """The plan with readers of a shared result in the place of subqueries that have rows of it, and no others.

    Shared results are at the top of the plan: see :func:`locality.optimizer.shared.lift_shared`.
    """
    return _read(root, Prover(statistics), {})


def _read(node: Node, prover: Prover, known: dict[int, Region]) -> Node:
    if isinstance(node, Shared):
        definition = _read(node.definition, prover, known)
        below = replace(prover, shared={**prover.shared, node.number: prover.facts(definition)})
        region = region_of(definition, prover)
        return Shared(definition, _read(node.child, below, {**known, node.number: region}), node.number)
    if known and isinstance(node, Join | Filter | Project):
        region = region_of(node, prover)
        if len(region.relations) > 1:
            found = _outer_rows(region, prover, known)
            if found is not None:
                return found
    return with_inputs(node, [_read(child, prover, known) for child in inputs_of(node)])


def _outer_rows(region: Region, prover: Prover, known: dict[int, Region]) -> Node | None:
    """The rows of ``region`` as those of a shared result; None if they are not."""
    for position, relation in enumerate(region.relations):
        number, columns = _shared_columns(relation.node)
        if relation.kind != "semi" or number not in known:
            continue
        outer = known[number]
        asked = dict(zip(relation.own, (outer.outputs[i] for i in columns), strict=True))
        rest = region.without(position, position)
        for places in _places(rest, outer):
            outputs = _Pair(rest, outer, places, prover).outputs(relation.terms, asked)
            if outputs is not None:
                return Project(SharedScan(number, tuple(e.type for e in outer.outputs)), outputs)
    return None


def _shared_columns(node: Node) -> tuple[int, list[int]]:
    """The number of the shared result whose columns ``node`` is, and their positions; -1 if it is not one's."""
    columns = list(range(len(node.types)))
    while isinstance(node, Project):
        found = [node.expressions[i] for i in columns]
        if not all(isinstance(e, ColumnRef) for e in found):
            return -1, []
        columns = [e.index for e in found if isinstance(e, ColumnRef)]
        node = node.child
    return (node.number, columns) if isinstance(node, SharedScan) else (-1, [])


def _places(region: Region, outer: Region) -> Iterator[dict[int, int]]:
    """For columns of the relations of ``region`` those of different relations of ``outer`` that are alike."""
    mine, theirs = region.relations, outer.relations
    if len(mine) > len(theirs) or any(each.kind != "inner" for each in (*mine, *theirs)):
        return
    alike = [{i for i, each in enumerate(theirs) if _is_alike(one.node, each.node)} for one in mine]
    ways = permutations(sorted(set().union(*alike)), len(mine))
    fitting = (way for way in ways if all(i in chosen for i, chosen in zip(way, alike, strict=True)))
    for way in islice(fitting, _MOST_WAYS):
        pairs = [(one, theirs[i]) for one, i in zip(mine, way, strict=True)]
        yield {a.first + i: b.first + j for a, b in pairs for i, j in _columns(a.node, b.node)}


def _is_alike(mine: Node, theirs: Node) -> bool:
    """Whether two nodes have the same rows."""
    if isinstance(mine, Scan) and isinstance(theirs, Scan):
        return (mine.table, mine.layout) == (theirs.table, theirs.layout)
    return mine == theirs


def _columns(mine: Node, theirs: Node) -> list[tuple[int, int]]:
    if isinstance(mine, Scan) and isinstance(theirs, Scan):
        return [(a, theirs.columns.index(c)) for a, c in enumerate(mine.columns) if c in theirs.columns]
    return [(i, i) for i in range(len(mine.types))]


@dataclass(frozen=True)
class _Pair:
    """A region, and another one among whose relations are all of its.

    places: for columns of the region those of ``outer`` that have the same values.
    """

    region: Region
    outer: Region
    places: dict[int, int]
    prover: Prover

    def outputs(self, ties: Sequence[Expression], asked: Mapping[int, Expression]) -> tuple[Expression, ...] | None:
        """The region's outputs over those of ``outer``; None if its rows are not those of ``outer``.

        ties: which rows of the region ``outer`` must have, in whose terms ``asked`` are columns of ``outer``.
        """
        keys = self._keys(ties, asked)
        shared = self._shared_terms()
        if keys is None or shared is None or not self._are_decided(shared, keys):
            return None
        offered = {e.index: ColumnRef(i, e.type) for i, e in enumerate(self.outer.outputs) if isinstance(e, ColumnRef)}
        found: dict[int, ColumnRef] = {}
        for mine, place in self.places.items():
            found.update((mine, offered[i]) for i in self._equal(place) if i in offered)
        if not all(columns_of(output) <= found.keys() for output in self.region.outputs):
            return None
        return tuple(replaced(output, lambda e: found[e.index]) for output in self.region.outputs)

    @cached_property
    def _classes(self) -> dict[int, set[int]]:
        return _same(self.outer.terms)

    def _equal(self, column: int) -> list[int]:
        """The columns of ``outer`` that have the value of one of them, which is the last."""
        return [*self._classes.get(column, ()), column]

    def _moved(self, expression: Expression) -> Expression | None:
        """An expression over the columns of ``outer``."""
        if not columns_of(expression) <= self.places.keys():
            return None
        return replaced(expression, lambda e: ColumnRef(self.places[e.index], e.type))

    def _shared_terms(self) -> list[Expression] | None:
        """The region's terms as those of ``outer``; None if it has not all of them."""
        if not all(columns_of(term) <= self.places.keys() for term in self.region.terms):
            return None
        forms = {_form(moved) for term in self.region.terms if (moved := self._moved(term)) is not None}
        shared = [term for term in self.outer.terms if _form(term) in forms]
        return shared if forms <= set(map(_form, shared)) else None

    def _keys(self, ties: Sequence[Expression], asked: Mapping[int, Expression]) -> set[int] | None:
        """The columns of ``outer`` by whose values the region's rows are chosen; None if anything else matters."""
        keys: dict[int, int] = {}
        for term in ties:
            match term:
                case Call("=" | "is not distinct from" as name, (ColumnRef() as one, ColumnRef() as other)):
                    value, mine = (one, other) if one.index in asked else (other, one)
                    held = self._moved(mine)
                    wanted = asked.get(value.index)
                    if not isinstance(held, ColumnRef) or not isinstance(wanted, ColumnRef) or held.type.is_float:
                        return None
                    if wanted.index not in self._equal(held.index) or (name == "=" and not self._is_value(held)):
                        return None
                    keys[value.index] = held.index
                case _:
                    return None
        return set(keys.values())

    def _is_value(self, column: ColumnRef) -> bool:
        """Whether a column of ``outer`` is never NULL."""
        relation = self.outer.relations[self.outer.owners()[column.index]]
        known = column.index - relation.first in self.prover.facts(relation.node).never_null
        return known or column.index in not_null_by(self.outer.terms)

    def _are_decided(self, shared: Sequence[Expression], keys: set[int]) -> bool:
        """Whether ``keys`` alone decide which rows of the region ``outer`` has, and each comes once.

        The terms of ``outer`` that are not ``shared`` by the region may read what the keys tell: columns of relations
        that have one row at most for given keys, as all relations must that the region has not. Of the region's own
        columns the keys tell no more than the region's own terms say.
        """
        held = frozenset(self.places.values())
        own = frozenset(i for each in self.outer.relations if not held.isdisjoint(each.own) for i in each.own)
        within = _same(shared)
        told: set[int] = set()
        more, left = set(keys), list(self.outer.relations)
        while more:
            for column in more:
                told |= {column, *within.get(column, ()), *(frozenset(self._equal(column)) - own)}
            found = [each for each in left if self._is_fixed(each, told)]
            left = [each for each in left if each not in found]
            more = {column for each in found for column in each.own}
        others = (term for term in self.outer.terms if term not in shared)
        return all(columns_of(term) <= told for term in others) and all(not own.isdisjoint(each.own) for each in left)

    def _is_fixed(self, relation: Relation, told: set[int]) -> bool:
        """Whether one row at most of a relation has what is told of its columns."""
        return self.prover.facts(relation.node).is_unique(i - relation.first for i in relation.own if i in told)


def _same(terms: Sequence[Expression]) -> dict[int, set[int]]:
    """For columns that ``terms`` equate with others, those and themselves; not of floats: 0.0 equals -0.0."""
    classes = classes_of(terms)
    return {e.index: {each.index for each in equal} for e, equal in classes.items() if not e.type.is_float}


def _form(term: Expression) -> object:
    """Equal for terms that say the same, whichever side of an equality comes first."""
    match term:
        case Call("=" | "is not distinct from" as name, (one, other)):
            return name, frozenset({one, other})
        case _:
            return term
