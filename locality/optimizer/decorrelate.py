"""Correlated subqueries without the detour that DuckDB takes to plan them.

DuckDB first collects the values of the outer rows that a subquery depends on (a shared result, made distinct), joins
the subquery's tables to these, and then the outer rows to that. Where nothing is aggregated in between, the tables can
be joined to the outer rows at once: the decoupling of Neumann and Kemper, "Unnesting arbitrary queries" (BTW 2015).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from locality.optimizer.facts import Prover
from locality.optimizer.refine import refine
from locality.optimizer.regions import Region, Relation, rebuilt, region_of
from locality.optimizer.statistics import Statistics
from locality.plan.columns import replaced
from locality.plan.expressions import Call, ColumnRef, Expression, columns_of
from locality.plan.nodes import Aggregate, Node, Project, Shared, SharedScan, inputs_of, with_inputs
from locality.types import BOOLEAN


def decorrelate(root: Node, statistics: Statistics) -> Node:
    """The plan with outer rows joined to a subquery's tables directly where that gives the same rows.

    Shared results are at the top of the plan: see :func:`locality.optimizer.shared.lift_shared`.
    """
    return _decorrelated(root, Prover(statistics)) if isinstance(root, Shared) else root


def _decorrelated(node: Node, prover: Prover) -> Node:
    region = region_of(node, prover)
    if len(region.relations) == 1:
        return with_inputs(node, [_decorrelated(child, prover) for child in inputs_of(node)])
    region = refine(region, prover)
    relations = tuple(replace(each, node=_decorrelated(each.node, prover)) for each in region.relations)
    region = _without_own_values(replace(region, relations=relations))
    for position in range(len(region.relations)):
        region = _with_direct(region, position, prover)
    return rebuilt(region)


@dataclass(frozen=True)
class _Values:
    """The distinct values of some columns of ``reader``, which is all rows of a shared result.

    columns: the number of each of the values' columns -> that of the reader's column.
    """

    reader: int
    columns: dict[int, ColumnRef]


def _values(relation: Relation, region: Region) -> Iterator[_Values]:
    """By each relation of ``region`` whose distinct values ``relation`` is."""
    number, shared = _shared_columns(relation.node) or (-1, [])
    for position, reader in enumerate(region.relations):
        if reader.kind == "inner" and isinstance(reader.node, SharedScan) and reader.node.number == number:
            columns = (ColumnRef(reader.first + i, reader.node.types[i]) for i in shared)
            yield _Values(position, dict(zip(relation.own, columns, strict=True)))


def _shared_columns(node: Node) -> tuple[int, list[int]] | None:
    """The number of the shared result, and its columns, the distinct values of which ``node`` is."""
    columns, grouped = list(range(len(node.types))), False
    while not isinstance(node, SharedScan):
        match node:
            case Project(child, expressions):
                found = [expressions[i] for i in columns]
            case Aggregate(child, groups, ()) if not grouped and set(columns) == set(range(len(groups))):
                found, grouped = [groups[i] for i in columns], True
            case _:
                return None
        columns = [e.index for e in found if isinstance(e, ColumnRef)]
        if len(columns) < len(found):
            return None
        node = child
    return (node.number, columns) if grouped else None


# --- values joined with the rows that they come from


def _without_own_values(region: Region) -> Region:
    """Without relations that are the distinct values of another's columns, and are equated with these."""
    for position, relation in enumerate(region.relations):
        for values in _values(relation, region) if relation.kind == "inner" else ():
            ties = {term: mine for term in region.terms for mine in _tied(term, values)}
            if set(ties.values()) == set(relation.own):
                kept = [term for term in region.terms if term not in ties]
                kept += [_is_not_null(values.columns[mine]) for term, mine in ties.items() if _rejects_null(term)]
                smaller = replace(region, terms=tuple(kept)).with_columns(values.columns)
                return _without_own_values(smaller.without(position, values.reader))
    return region


def _tied(term: Expression, values: _Values) -> Iterator[int]:
    """The column of the values that ``term`` equates with the one that it comes from."""
    for mine, theirs in _pairs(term):
        if isinstance(mine, ColumnRef) and values.columns.get(mine.index) == theirs:
            yield mine.index


def _pairs(term: Expression) -> Iterator[tuple[Expression, Expression]]:
    """What ``term`` equates, both ways."""
    match term:
        case Call("=" | "is not distinct from", (one, other)):
            yield from ((one, other), (other, one))
        case _:
            pass


def _rejects_null(term: Expression | None) -> bool:
    return isinstance(term, Call) and term.name == "="


def _is_not_null(expression: Expression) -> Expression:
    return Call("is not null", (expression,), BOOLEAN)


# --- values that a subquery's tables are joined with


def _with_direct(region: Region, position: int, prover: Prover) -> Region:
    """The region with the relation at ``position`` no longer joined with values of the rows that it is joined to."""
    relation = region.relations[position]
    below = region_of(relation.node, prover)
    if relation.kind == "inner" or len(below.relations) == 1:
        return region
    for inner_position, inner in enumerate(below.relations):
        for values in _values(inner, region):
            subquery = _Subquery(region, relation, below, inner_position, values)
            direct = subquery.without_reduction() if inner.kind == "semi" else subquery.without_dependence()
            if direct is not None:
                relations = list(region.relations)
                relations[position] = direct
                return _with_direct(replace(region, relations=tuple(relations)), position, prover)
    return region


@dataclass(frozen=True)
class _Subquery:
    """A relation that is joined to others of ``region``; it is ``below``, which joins ``values`` at ``position``."""

    region: Region
    relation: Relation
    below: Region
    position: int
    values: _Values

    def _tie(self, expression: Expression, value: Expression) -> Expression | None:
        """The term of the condition that equates ``expression``, over ``below``, with the column of ``value``."""
        if not isinstance(value, ColumnRef) or value.index not in self.values.columns:
            return None
        outer = self.values.columns[value.index]
        for term in self.relation.terms:
            for mine, theirs in _pairs(term):
                if isinstance(mine, ColumnRef) and theirs == outer and self._inside(mine) == expression:
                    return term
        return None

    def _inside(self, column: ColumnRef) -> Expression | None:
        """What a column of the relation is over the columns of ``below``; None for a column of another relation."""
        own = self.relation.own
        return self.below.outputs[column.index - own.start] if column.index in own else None

    def without_reduction(self) -> Relation | None:
        """Without a semi join that keeps what may match: the condition does not match the rest anyway."""
        tests: list[Expression] = []
        for term in self.below.relations[self.position].terms:
            tied = [mine for mine, value in _pairs(term) if self._tie(mine, value) is not None]
            if not tied:
                return None
            tests += [_is_not_null(tied[0])] if _rejects_null(term) else []
        smaller = replace(self.below, terms=(*self.below.terms, *tests)).without(self.position, self.position)
        return replace(self.relation, node=rebuilt(smaller))

    def without_dependence(self) -> Relation | None:
        """Without an inner join with values: what is asked of them is asked of the outer rows, in the condition."""
        inner = self.below.relations[self.position]
        if inner.kind != "inner" or self.relation.kind not in ("semi", "anti"):
            return None
        values = [ColumnRef(column, dtype) for column, dtype in zip(inner.own, inner.node.types, strict=True)]
        ties = [self._tie(value, value) for value in values]
        others = [each for i, each in enumerate(self.below.relations) if i != self.position]
        if any(self.position in each.needs or each.kind == "mark" for each in others):
            return None
        if any(tie is None for tie in ties):
            return None
        moved = [term for term in self.below.terms if not columns_of(term).isdisjoint(inner.own)]
        not_null = {e for term in moved if _rejects_null(term) for pair in _pairs(term) for e in pair}
        missing = [v for v, tie in zip(values, ties, strict=True) if _rejects_null(tie) and v not in not_null]
        moved += map(_is_not_null, missing)
        kept = tuple(term for term in self.below.terms if term not in moved)
        types = [(column, dtype) for each in others for column, dtype in zip(each.own, each.node.types, strict=True)]
        hidden = frozenset(column for each in others for column in each.own if column not in each.shown)
        shown = tuple(ColumnRef(column, dtype) for column, dtype in types if column not in hidden)
        smaller = replace(self.below, terms=kept, outputs=shown).without(self.position, self.position)
        first = 1 + max(self.region.owners())
        known: dict[int, Expression] = {e.index: ColumnRef(first + i, e.type) for i, e in enumerate(shown)}
        known |= self.values.columns
        conditions = [
            replaced(term, lambda e: e if (inside := self._inside(e)) is None else _with(inside, known))
            for term in self.relation.terms
            if term not in ties
        ]
        return Relation(
            rebuilt(smaller),
            first,
            self.relation.kind,
            (*conditions, *(_with(term, known) for term in moved)),
            self.relation.needs | {self.values.reader},
        )


def _with(expression: Expression, known: Mapping[int, Expression]) -> Expression:
    return replaced(expression, lambda e: known[e.index])
