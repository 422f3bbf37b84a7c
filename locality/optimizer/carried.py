"""Columns of parents that a child's layout has: read from there instead of through a join.

Where all that a query reads of a parent is stored beside the child's rows, the join with the parent vanishes. Where the
join must stay, what the query asks of the parent is asked of the child's rows first: zones are left out, and the rows
that come through are fewer. Both are done where they move fewer bytes, see :mod:`locality.optimizer.carrycost`.

A foreign key has one parent where it is not NULL, and an inner join drops the row where it is: so does a test for NULL
in its place. Materialised join columns are as old as O'Neil and Graefe, "Multi-table joins through bitmapped join
indices" (SIGMOD Record 1995).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from locality.optimizer.carrycost import Costs
from locality.optimizer.estimate import Estimator
from locality.optimizer.facts import Prover
from locality.optimizer.implied import bounds_of_columns
from locality.optimizer.lineage import Lineage, lineage_of, stored
from locality.optimizer.prune import prune_columns
from locality.optimizer.push import pushed
from locality.optimizer.refine import refine, telling
from locality.optimizer.regions import Region, Relation, rebuilt, region_of
from locality.optimizer.semis import joined_inner
from locality.optimizer.statistics import Statistics
from locality.optimizer.told import Told, told_about, told_of
from locality.plan.columns import renumbered, replaced, shifted
from locality.plan.derived import Derived
from locality.plan.expressions import Call, ColumnRef, Expression, columns_of, walk
from locality.plan.nodes import (
    Aggregate,
    Filter,
    Join,
    Node,
    Project,
    Scan,
    Shared,
    inputs_of,
    walk_nodes,
    with_inputs,
)
from locality.plan.reads import expressions_of
from locality.types import BOOLEAN


def use_carried_columns(root: Node, statistics: Statistics) -> Node:
    """The plan with parents' columns read of their children where that moves less; its output columns stay as they are.

    It is left alone where no layout has derived columns.
    """
    nodes = list(walk_nodes(root))
    tables = {node.table for node in nodes if isinstance(node, Scan)}
    if not any(isinstance(node, Join) for node in nodes):
        return root
    known = {table: _derived_of(table, statistics) for table in tables}
    if not any(known.values()):
        return root
    pruned = prune_columns(root)
    result = _Rewriter(Prover(statistics), Estimator(statistics), known).rewritten(pruned)
    return root if result == pruned else result


def _derived_of(table: str, statistics: Statistics) -> dict[int, Derived]:
    """All derived columns of a table, by their numbers."""
    return {each.number: each for layout in statistics.layouts(table) for each in statistics.derived(table, layout)}


@dataclass(frozen=True)
class _Rewriter:
    """derived: the derived columns of each table, by their numbers. told: what is true of shared results, by theirs."""

    prover: Prover
    estimator: Estimator
    derived: Mapping[str, Mapping[int, Derived]]
    told: Mapping[int, Sequence[Told]] = field(default_factory=dict)

    def rewritten(self, node: Node) -> Node:
        if isinstance(node, Shared):
            definition = self.rewritten(node.definition)
            return Shared(definition, self._knowing(node.number, definition).rewritten(node.child), node.number)
        if isinstance(node, Aggregate):
            narrow = _narrowed(node)
            child = self.rewritten(narrow.child)
            return node if child == narrow.child else replace(narrow, child=child)
        region = region_of(node, self.prover)
        if len(region.relations) == 1:
            return with_inputs(node, [self.rewritten(child) for child in inputs_of(node)])
        region = refine(region, self.prover)
        below = tuple(self.rewritten(relation.node) for relation in region.relations)
        is_same = all(new is relation.node for new, relation in zip(below, region.relations, strict=True))
        relations = tuple(replace(each, node=new) for each, new in zip(region.relations, below, strict=True))
        given = replace(region, relations=relations)
        found = self._substituted(given)
        return node if found is given and is_same else self._planned(self._with_bounds(found))

    def _with_bounds(self, region: Region) -> Region:
        """The region with bounds of single columns: what was asked of several tables may now be asked of one."""
        owners = region.owners()
        added: list[Expression] = []
        for column, bound in (pair for term in region.terms for pair in bounds_of_columns(term)):
            relation = region.relations[owners[column.index]]
            found = stored(relation.node) if relation.kind == "inner" else None
            number = None if found is None else found.columns[column.index - relation.first]
            if found is not None and number is not None:
                is_raw = self.prover.statistics.is_raw(found.scan.table, number)
                added += [] if is_raw else [bound]
        return replace(region, terms=tuple(dict.fromkeys((*region.terms, *added))))

    def _planned(self, region: Region) -> Node:
        if len(region.relations) > 1:
            return rebuilt(region)
        (relation,) = region.relations
        terms = [shifted(term, -relation.first) for term in region.terms]
        node = pushed(relation.node, telling(terms, self.prover.facts(relation.node).never_null))
        return Project(node, tuple(shifted(output, -relation.first) for output in region.outputs))

    def _knowing(self, number: int, definition: Node) -> _Rewriter:
        """What plans may know below the shared result ``number``."""
        facts = {**self.prover.shared, number: self.prover.facts(definition)}
        estimates = {**self.estimator.shared, number: self.estimator.estimate(definition)}
        told = {**self.told, number: told_of(region_of(definition, self.prover), self.derived)}
        return _Rewriter(
            replace(self.prover, shared=facts), replace(self.estimator, shared=estimates), self.derived, told
        )

    def _substituted(self, region: Region) -> Region:
        """The region with all that may be read of children; the region itself if nothing is."""
        costs = Costs(self.estimator)
        while (smaller := self._without_semi(region, costs)) is not None:
            region = smaller
        kept = list(range(len(region.relations)))
        ancestors = [self._ancestors(region, position) for position in kept]
        for position in sorted((i for i in kept if ancestors[i]), key=ancestors.__getitem__, reverse=True):
            if position in kept:
                smaller, gone = self._without_parents(region, kept.index(position), costs)
                kept = [each for i, each in enumerate(kept) if i not in gone]
                region = smaller
        for position in range(len(region.relations)):
            region = self._tested_early(region, position, costs)
        return region

    # --- joins that stay

    def _tested_early(self, region: Region, child: int, costs: Costs) -> Region:
        """The region with what it asks of parents asked of the child, too, where that pays."""
        if region.relations[child].kind == "mark":  # NULL in its condition is not the same as FALSE
            return region
        best, least = region, math.inf
        for widened, derived in self._widened(region, child):
            lineage = lineage_of(widened, child, derived, self.derived)
            copies = [copy for term in widened.terms if (copy := _about_child(term, lineage)) is not None]
            copies += told_about(lineage, self.told)
            least = min(least, costs.of_rows(region, child)) if copies else least
            for copy in copies:
                tested = _with_term(widened, child, copy)
                cost = costs.of_rows(tested, child)
                if cost < least:
                    best, least, widened = tested, cost, tested
        return region if best is region else _trimmed(best, child)

    # --- joins that vanish

    def _without_parents(self, region: Region, child: int, costs: Costs) -> tuple[Region, frozenset[int]]:
        """The region without parents that the child has columns of, where that pays; and which relations are gone."""
        if region.relations[child].kind != "inner":  # others may need their own parents to be joined first
            return region, frozenset()
        best, most, gone = region, -math.inf, frozenset[int]()
        for widened, derived in self._widened(region, child):
            lineage = lineage_of(widened, child, derived, self.derived)
            found = self._replaceable(lineage)
            if found:
                smaller = _without(lineage, found, self._tests(lineage, found))
                place = child - sum(position < child for position in found)
                saved = costs.of_joins(lineage, found) - costs.of_scan(smaller, place)
                if saved >= 0 and saved > most:
                    best, most, gone = _trimmed(smaller, place), saved, found
        return best, gone

    def _without_semi(self, region: Region, costs: Costs) -> Region | None:
        """The region without a parent that rows are only to have; None if all such stay."""
        for position in range(len(region.relations)):
            inner = joined_inner(region, position, self.prover)
            if inner is None:
                continue
            for child in range(len(region.relations)):
                smaller, gone = self._without_parents(inner, child, costs)
                if position in gone:
                    return smaller
        return None

    def _replaceable(self, lineage: Lineage) -> frozenset[int]:
        """The ancestors without which the child and those that stay have all that is read."""
        found = frozenset(lineage.ancestors)
        while bad := {each for each in found if not self._is_told(lineage, each, found)}:
            found -= bad
        for each in sorted(lineage.ancestors.keys() - found, key=lambda i: len(lineage.ancestors[i].path)):
            larger = found | {each}
            if all(self._is_told(lineage, other, larger) for other in larger):
                found = larger
        return found

    def _is_told(self, lineage: Lineage, position: int, gone: frozenset[int]) -> bool:
        """Whether without the relations ``gone`` all that is read of one of them is known, and whether a row has it."""
        if position in _ends(lineage, gone) and self._test_of(lineage, position, gone) is None:
            return False
        own = frozenset(lineage.region.relations[position].own)
        read = (e for term in _read_without(lineage, gone) for e in _refs_of(term) if e.index in own)
        return all(lineage.replacement(e, gone) is not None for e in read)

    def _test_of(self, lineage: Lineage, position: int, gone: frozenset[int]) -> list[Expression] | None:
        found = stored(lineage.region.relations[position].node)
        assert found is not None
        scan = found.scan
        full = [column for column in scan.columns if not self.prover.statistics.has_nulls(scan.table, column)]
        return lineage.reached(position, gone, full)

    def _tests(self, lineage: Lineage, gone: frozenset[int]) -> list[Expression]:
        """What drops the rows without a parent that an inner join would drop, if there may be any."""
        columns = (column for end in _ends(lineage, gone) for column in self._test_of(lineage, end, gone) or ())
        tests = (Call("is not null", (column,), BOOLEAN) for column in dict.fromkeys(columns))
        inner = (relation for relation in lineage.region.relations if relation.kind == "inner")
        sure = frozenset(relation.first + i for relation in inner for i in self.prover.facts(relation.node).never_null)
        return list(telling(tuple(tests), sure))

    def _ancestors(self, region: Region, child: int) -> int:
        """How many relations are ancestors of one."""
        found = (lineage_of(widened, child, derived, self.derived) for widened, derived in self._widened(region, child))
        return max((len(lineage.ancestors) for lineage in found), default=0)

    def _widened(self, region: Region, child: int) -> Iterator[tuple[Region, Sequence[Derived]]]:
        """The region with all derived columns of the child's layouts, one after another."""
        found = stored(region.relations[child].node)
        if found is not None:
            statistics, table = self.prover.statistics, found.scan.table
            for layout in statistics.layouts(table):
                derived = statistics.derived(table, layout)
                if derived:
                    added = [each for each in derived if each.number not in found.columns]
                    node = _extended(region.relations[child].node, added)
                    yield _renumbered(region, child, node, range(len(found.columns))), derived


def _narrowed(node: Aggregate) -> Aggregate:
    """The aggregation over the columns that it reads alone: a join's rows have its keys, too."""
    read = sorted(frozenset().union(*map(columns_of, expressions_of(node))))
    places = {old: new for new, old in enumerate(read)}
    calls = tuple(call.mapped(lambda e: renumbered(e, places)) for call in node.aggregates)
    kept = Project(node.child, tuple(ColumnRef(i, node.child.types[i]) for i in read))
    return Aggregate(kept, tuple(renumbered(group, places) for group in node.groups), calls)


def _renumbered(region: Region, position: int, node: Node, kept: Iterable[int]) -> Region:
    """The region with another node for one relation, of whose columns the first ones are the old one's ``kept``."""
    relation = region.relations[position]
    first = 1 + max(region.owners())
    known: dict[int, Expression] = {
        relation.first + old: ColumnRef(first + new, node.types[new]) for new, old in enumerate(kept)
    }
    relations = list(region.relations)
    relations[position] = replace(relation, node=node, first=first)
    return replace(region, relations=tuple(relations)).with_columns(known)


def _trimmed(region: Region, position: int) -> Region:
    """The region without the columns of one relation that nothing reads."""
    relation = region.relations[position]
    everything = (*region.outputs, *region.terms, *(term for each in region.relations for term in each.terms))
    read = frozenset().union(*map(columns_of, everything))
    kept = [i for i, column in enumerate(relation.own) if column in read]
    node = prune_columns(Project(relation.node, tuple(ColumnRef(i, relation.node.types[i]) for i in kept)))
    return _renumbered(region, position, node, kept)


def _extended(node: Node, derived: Sequence[Derived]) -> Node:
    match node:
        case Filter(child):
            return replace(node, child=_extended(child, derived))
        case Project(child, expressions):
            below = _extended(child, derived)
            last = range(len(below.types) - len(derived), len(below.types))
            return Project(below, (*expressions, *(ColumnRef(i, below.types[i]) for i in last)))
        case _:
            assert isinstance(node, Scan)
            numbers, types = tuple(d.number for d in derived), tuple(d.type for d in derived)
            return replace(node, columns=(*node.columns, *numbers), types=(*node.types, *types))


def _ends(lineage: Lineage, gone: Iterable[int]) -> list[int]:
    """Those of the ancestors ``gone`` that an inner join must find, and through which no other such one is reached."""
    inner = [position for position in gone if lineage.region.relations[position].kind == "inner"]
    paths = {position: lineage.ancestors[position].path for position in inner}
    return [
        position
        for position, path in paths.items()
        if not any(len(other) > len(path) and other[: len(path)] == path for other in paths.values())
    ]


def _about_child(term: Expression, lineage: Lineage) -> Expression | None:
    """A term over columns of ancestors alone, or that other children have of them, as one over the child."""
    own = frozenset(lineage.region.relations[lineage.child].own)
    if not own.isdisjoint(columns_of(term)):
        return None
    known = {e.index: lineage.own(e) for e in _refs_of(term)}
    if any(e is None or not columns_of(e) <= own for e in known.values()):
        return None
    changed = replaced(term, lambda e: known[e.index] or e)
    return changed if columns_of(changed) else None


def _with_term(region: Region, child: int, term: Expression) -> Region:
    """The region with a term over an inner relation, or in the condition of another one."""
    relation = region.relations[child]
    if relation.kind == "inner":
        return replace(region, terms=tuple(dict.fromkeys((*region.terms, term))))
    relations = list(region.relations)
    relations[child] = replace(relation, terms=tuple(dict.fromkeys((*relation.terms, term))))
    return replace(region, relations=tuple(relations))


def _read_without(lineage: Lineage, gone: frozenset[int]) -> Iterable[Expression]:
    """All expressions of the region but those that only lead to the relations ``gone``."""
    region = lineage.region
    yield from region.outputs
    yield from _kept_terms(lineage, gone)
    for position, relation in enumerate(region.relations):
        if position not in gone:
            yield from relation.terms


def _kept_terms(lineage: Lineage, gone: Iterable[int]) -> list[Expression]:
    """The region's terms but those by which inner joins find the relations ``gone``; outer joins have their own."""
    relations = lineage.region.relations
    ancestors = [lineage.ancestors[position] for position in gone if relations[position].kind == "inner"]
    return [term for term in lineage.region.terms if not any(each.is_followed_by(term) for each in ancestors)]


def _without(lineage: Lineage, gone: frozenset[int], tests: Sequence[Expression]) -> Region:
    """The region without ancestors whose columns, as far as they are read, others have."""
    region = replace(lineage.region, terms=tuple(_kept_terms(lineage, gone)))
    known: dict[int, Expression] = {}
    for expression in _read_without(lineage, gone):
        for e in _refs_of(expression):
            found = lineage.replacement(e, gone)
            assert found is not None
            known[e.index] = found
    region = region.with_columns(known)
    heir = lineage.child
    for position in sorted(gone, reverse=True):
        region = region.without(position, heir)
        heir -= heir > position
    terms = dict.fromkeys((*map(_without_itself, region.terms), *tests))
    region = replace(region, terms=tuple(terms))
    owners = region.owners()
    return replace(region, relations=tuple(_needing(each, owners) for each in region.relations))


def _without_itself(term: Expression) -> Expression:
    """A column is equal to itself unless it is NULL."""
    match term:
        case Call("=", (one, other)) if one == other:
            return Call("is not null", (one,), BOOLEAN)
        case _:
            return term


def _needing(relation: Relation, owners: dict[int, int]) -> Relation:
    """The relation with all those as needed that its condition reads."""
    read = (column for term in relation.terms for column in columns_of(term) if column not in relation.own)
    return replace(relation, needs=relation.needs | {owners[column] for column in read})


def _refs_of(expression: Expression) -> list[ColumnRef]:
    return [e for e in walk(expression) if isinstance(e, ColumnRef)]
