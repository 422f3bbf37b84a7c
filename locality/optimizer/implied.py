"""Terms that follow from others of a region: constants across equal columns, and what every branch of an OR asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from locality.optimizer.equalities import equal_expressions
from locality.optimizer.regions import Region, Relation
from locality.plan.columns import replaced
from locality.plan.expressions import Call, ColumnRef, Constant, Expression, columns_of, conjunction, conjuncts, joined
from locality.types import BOOLEAN

_BOUNDS = frozenset({"=", "<", "<=", ">", ">=", "in"})


def with_implied_terms(region: Region) -> Region:
    """The region with terms that each read one relation, which may then have fewer rows before it is joined.

    They follow from the region's other terms, so that any join may or may not have applied them.
    """
    terms = tuple(dict.fromkeys(part for term in region.terms for part in factored(term)))
    known = set(map(normal, terms))
    owners = region.owners()
    added: list[Expression] = []
    sources = (_of_branches, _within_relations, _across_equals)
    for term in chain.from_iterable(source(terms, region, owners) for source in sources):
        if normal(term) not in known:
            known.add(normal(term))
            added.append(term)
    terms = (*terms, *added)
    relations = tuple(_bounded(relation, terms) for relation in region.relations)
    return Region(relations, terms, region.outputs)


def normal(term: Expression) -> object:
    """A form in which terms are equal that differ in the order of what they combine by AND and OR."""
    match term:
        case Call("and" | "or" as name, args):
            return name, frozenset(map(normal, args))
        case _:
            return term


# --- OR


def factored(term: Expression) -> list[Expression]:
    """``(a AND b) OR (a AND c)`` as ``a`` and ``b OR c``; other terms as they are."""
    match term:
        case Call("or", branches):
            parts = [dict.fromkeys(conjuncts(branch)) for branch in branches]
            common = [part for part in parts[0] if all(part in other for other in parts[1:])]
            rests = [[part for part in branch if part not in common] for branch in parts]
            if not common:
                return [term]
            if not all(rests):
                return common
            return [*common, joined("or", [conjunction(rest) for rest in rests])]
        case _:
            return [term]


def _of_branches(terms: Sequence[Expression], region: Region, owners: Mapping[int, int]) -> Iterator[Expression]:
    """Of an OR over several relations, for each relation that all its branches restrict: one of these restrictions."""
    for term in terms:
        match term:
            case Call("or", branches):
                read = {owners[column] for column in columns_of(term)}
                inner = sorted(position for position in read if region.relations[position].kind == "inner")
                for position in inner if len(read) > 1 else ():
                    own = frozenset(region.relations[position].own)
                    parts = [[part for part in conjuncts(b) if _reads_only(part, own)] for b in branches]
                    if all(parts):
                        yield joined("or", [conjunction(part) for part in parts])
            case _:
                pass


def bounds_of_columns(term: Expression) -> Iterator[tuple[ColumnRef, Expression]]:
    """Of an OR over several columns, for each that all its branches compare with constants: what they let through.

    ``(a = 1 AND b < 2) OR (a = 3 AND b < 5)`` implies ``a = 1 OR a = 3``, which leaves few rows to ask for the rest.
    """
    match term:
        case Call("or", branches) if len(columns_of(term)) > 1:
            bounds = [[(_bounded_column(part), part) for part in conjuncts(branch)] for branch in branches]
            for column in dict.fromkeys(column for column, _ in bounds[0] if column is not None):
                parts = [[part for own, part in branch if own == column] for branch in bounds]
                if all(parts):
                    yield column, joined("or", [conjunction(part) for part in parts])
        case _:
            pass


def _reads_only(term: Expression, columns: frozenset[int]) -> bool:
    read = columns_of(term)
    return bool(read) and read <= columns


# --- equal columns


def _within_relations(terms: Sequence[Expression], region: Region, owners: Mapping[int, int]) -> Iterator[Expression]:
    """What is equal to the same is equal, also in one relation."""
    for equal in equal_expressions(terms, region.relations, owners)[0]:
        first: dict[int, Expression] = {}
        for expression, relation in equal.items():
            if relation in first:
                yield Call("=", (first[relation], expression), BOOLEAN)
            else:
                first[relation] = expression


def _across_equals(terms: Sequence[Expression], region: Region, owners: Mapping[int, int]) -> Iterator[Expression]:
    """Bounds of a column, for all columns of inner relations that are equal to it."""
    classes = equal_expressions(terms, region.relations, owners)[0]
    for term in terms:
        column = _bounded_column(term)
        for equal in classes if column is not None else ():
            if column in equal:
                yield from (_about(term, e) for e in equal if isinstance(e, ColumnRef) and e != column)


def _bounded_column(term: Expression) -> ColumnRef | None:
    """The column that ``term`` compares with constants, if it does that alone; 0.0 equals -0.0, so no floats."""
    match term:
        case Call(name, (ColumnRef() as column, *others)) | Call(name, (*others, ColumnRef() as column)) if (
            name in _BOUNDS and not column.type.is_float
        ):
            return column if all(isinstance(other, Constant) for other in others) else None
        case _:
            return None


def _about(term: Expression, column: ColumnRef) -> Expression:
    return replaced(term, lambda e: column)


def _bounded(relation: Relation, terms: Sequence[Expression]) -> Relation:
    """The relation with bounds of what its columns must equal, if it is not inner; a mark tells NULL from no match."""
    if relation.kind in ("inner", "mark"):
        return relation
    known = set(map(normal, relation.terms))
    added: list[Expression] = []
    for term in terms:
        column = _bounded_column(term)
        for other in _equated_with(column, relation) if column is not None else ():
            bound = _about(term, other)
            if normal(bound) not in known:
                known.add(normal(bound))
                added.append(bound)
    return replace(relation, terms=(*relation.terms, *added))


def _equated_with(column: ColumnRef, relation: Relation) -> Iterator[ColumnRef]:
    """The columns of ``relation`` that its condition equates with ``column``."""
    for term in relation.terms:
        match term:
            case Call("=", (ColumnRef() as one, ColumnRef() as other)):
                for mine, theirs in ((one, other), (other, one)):
                    if mine.index in relation.own and theirs == column:
                        yield mine
            case _:
                pass
