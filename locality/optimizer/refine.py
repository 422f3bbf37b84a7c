"""What the facts of its relations make simpler in a region: conditions about NULL, marks, and joins that do nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from locality.optimizer.deleted import whole_table
from locality.optimizer.facts import Prover, never_null, not_null_by
from locality.optimizer.regions import Region, Relation
from locality.plan.columns import substituted
from locality.plan.expressions import Call, ColumnRef, Constant, Expression, columns_of
from locality.plan.nodes import Aggregate, Filter, Node, Project, Scan
from locality.types import BOOLEAN


def refine(region: Region, prover: Prover) -> Region:
    """The region, as simple as the facts about its relations allow."""
    region = _without_padding(region)
    region = _without_null_tests(region, prover)
    region = _without_marks(region, prover)
    region = replace(region, relations=tuple(map(_without_distinct, region.relations)))
    while (smaller := _without_useless(region, prover)) is not region:
        region = _without_null_tests(smaller, prover)
    return region


# --- NULL


def _values_of(region: Region, prover: Prover) -> frozenset[int]:
    """The numbered columns that are never NULL, unless a row has no match."""
    found: set[int] = set()
    for relation in region.relations:
        found.update(relation.first + i for i in prover.facts(relation.node).never_null)
    return frozenset(found) - _padded(region)


def _padded(region: Region) -> frozenset[int]:
    """The columns that are NULL where a row has no match."""
    return frozenset(c for relation in region.relations if relation.kind in ("left", "single") for c in relation.own)


def _without_padding(region: Region) -> Region:
    """With inner joins for left ones whose rows without a match a term drops: it reads NULL in them.

    DuckDB sees it in filters, but not in the conditions of joins above.
    """
    for position, relation in enumerate(region.relations):
        if relation.kind == "left" and not not_null_by(region.terms).isdisjoint(relation.own):
            plain = replace(relation, kind="inner", terms=(), needs=frozenset[int]())
            relations = (*region.relations[:position], plain, *region.relations[position + 1 :])
            return _without_padding(Region(relations, (*region.terms, *relation.terms), region.outputs))
    return region


def _without_null_tests(region: Region, prover: Prover) -> Region:
    """Without tests for NULL that say nothing; rows that a term drops for their NULL count as having none."""
    sure = _values_of(region, prover)
    terms = telling(region.terms, sure)
    within = sure | not_null_by(terms)
    terms = tuple(_plain(term, within, both=False) for term in terms)
    relations = []
    for relation in region.relations:
        own = prover.facts(relation.node).never_null
        known = (within - frozenset(relation.own)) | {relation.first + i for i in own}
        both = relation.kind == "mark"
        relations.append(replace(relation, terms=tuple(_plain(term, known, both=both) for term in relation.terms)))
    return Region(tuple(relations), terms, region.outputs)


def telling(terms: Sequence[Expression], sure: frozenset[int]) -> tuple[Expression, ...]:
    """Those of ``terms`` that don't just test for NULL what is never NULL, the columns ``sure`` being none."""
    return tuple(
        t for t in terms if not (isinstance(t, Call) and t.name == "is not null" and never_null(t.args[0], sure))
    )


def _plain(term: Expression, sure: frozenset[int], *, both: bool) -> Expression:
    """A comparison in which NULL equals NULL as one in which it doesn't, where one side (or both) can't be NULL."""
    match term:
        case Call("is not distinct from" | "is distinct from" as name, (left, right)):
            values = [never_null(left, sure), never_null(right, sure)]
            safe = all(values) if both or name == "is distinct from" else any(values)
            if safe:
                return Call("=" if name == "is not distinct from" else "<>", (left, right), BOOLEAN)
    return term


# --- marks


def _without_marks(region: Region, prover: Prover) -> Region:
    """Marks that rows are filtered by become semi and anti joins."""
    for position, relation in enumerate(region.relations):
        if relation.kind != "mark":
            continue
        mark = ColumnRef(relation.own.stop, BOOLEAN)
        absent = Call("not", (mark,), BOOLEAN)
        if mark in region.terms:
            region = _marked(region, position, mark, True)
        elif absent in region.terms and _is_two_valued(region, relation, prover):
            region = _marked(region, position, absent, False)
    return region


def _is_two_valued(region: Region, relation: Relation, prover: Prover) -> bool:
    """Whether the condition of a mark is never NULL."""
    own = {relation.first + i for i in prover.facts(relation.node).never_null}
    sure = _values_of(region, prover) | not_null_by(region.terms) | own
    return all(never_null(term, sure) for term in relation.terms)


def _marked(region: Region, position: int, term: Expression, value: bool) -> Region:
    relation = region.relations[position]
    kept = tuple(each for each in region.terms if each != term)
    relations = list(region.relations)
    relations[position] = replace(relation, kind="semi" if value else "anti")
    known = {relation.own.stop: Constant(value, BOOLEAN)}
    return Region(tuple(relations), kept, region.outputs).with_columns(known)


def _without_distinct(relation: Relation) -> Relation:
    """Whether a row has one match or several is the same to a semi, anti or mark join."""
    match relation.kind, relation.node:
        case "semi" | "anti" | "mark", Aggregate(child, groups, ()):
            return replace(relation, node=Project(child, groups))
        case "semi" | "anti" | "mark", Project(Aggregate(child, groups, ()), expressions):
            return replace(relation, node=Project(child, tuple(substituted(e, groups) for e in expressions)))
        case _:
            return relation


# --- joins that do nothing


def _without_useless(region: Region, prover: Prover) -> Region:
    """Without one relation that neither adds columns that are read, nor adds or drops rows; or the region itself."""
    for position, relation in enumerate(region.relations):
        if relation.kind in ("left", "single", "mark"):
            smaller = _without_attached(region, position, prover)
        elif relation.kind == "inner" and (parent := whole_table(relation.node)) is not None:
            smaller = _without_parent(region, position, parent, prover)
        else:
            continue
        if smaller is not None:
            return smaller
    return region


def _without_attached(region: Region, position: int, prover: Prover) -> Region | None:
    relation = region.relations[position]
    others = _terms_but_of(region, position)
    if not _read((*others, *region.outputs)).isdisjoint(relation.shown):
        return None
    if relation.kind != "mark":
        keys = {c - relation.first for term in relation.terms for c in _equated(term, relation)}
        if not prover.facts(relation.node).is_unique(keys):
            return None
    return region.without(position, position)


@dataclass(frozen=True)
class _Reference:
    """Columns of ``child`` that refer to a row of another relation: that relation's column -> the child's."""

    child: int
    columns: dict[int, ColumnRef]


def _without_parent(region: Region, position: int, parent: Scan, prover: Prover) -> Region | None:
    """Without a table of which only the key is read that a foreign key of another table refers to."""
    relation = region.relations[position]
    used = _read((*_terms_but_of(region, position), *region.outputs)) & frozenset(relation.own)
    for reference in _references(region, position):
        child = _scan_of(region.relations[reference.child].node)
        first = region.relations[reference.child].first
        if child is None or not used or not used <= reference.columns.keys():
            continue
        if region.relations[reference.child].kind != "inner":  # it may have to be joined to this very relation
            continue
        parents = [parent.columns[column - relation.first] for column in sorted(used)]
        columns = [child.columns[reference.columns[column].index - first] for column in sorted(used)]
        if prover.statistics.refers_to(child.table, columns, parent.table, parents):
            known = {column: reference.columns[column] for column in used}
            tests = tuple(Call("is not null", (known[column],), BOOLEAN) for column in sorted(used))
            equal = {Call("=", (ref, ref), BOOLEAN) for ref in known.values()}
            smaller = region.with_columns(known).without(position, reference.child)
            kept = tuple(term for term in smaller.terms if term not in equal)
            return replace(smaller, terms=(*kept, *(test for test in tests if test not in kept)))
    return None


def _references(region: Region, position: int) -> Iterator[_Reference]:
    """By each relation that is equated with columns of the one at ``position``."""
    relation = region.relations[position]
    owners = region.owners()
    found: dict[int, dict[int, ColumnRef]] = {}
    for term in region.terms:
        match term:
            case Call("=", (ColumnRef() as one, ColumnRef() as other)):
                for mine, theirs in ((one, other), (other, one)):
                    if mine.index in relation.own and theirs.index not in relation.own:
                        found.setdefault(owners[theirs.index], {})[mine.index] = theirs
            case _:
                pass
    yield from (_Reference(child, columns) for child, columns in found.items())


def _scan_of(node: Node) -> Scan | None:
    """The scan whose rows, or some of them, ``node`` gives."""
    while isinstance(node, Filter):
        node = node.child
    return node if isinstance(node, Scan) else None


def _equated(term: Expression, relation: Relation) -> Iterator[int]:
    """The columns of ``relation`` that ``term`` equates with something of other relations."""
    match term:
        case Call("=" | "is not distinct from", (one, other)):
            for mine, theirs in ((one, other), (other, one)):
                match mine:
                    case ColumnRef(index) if index in relation.own and columns_of(theirs).isdisjoint(relation.own):
                        yield index
        case _:
            pass


def _terms_but_of(region: Region, position: int) -> list[Expression]:
    others = (relation.terms for i, relation in enumerate(region.relations) if i != position)
    return [*region.terms, *(term for terms in others for term in terms)]


def _read(expressions: Iterable[Expression]) -> frozenset[int]:
    return frozenset().union(*(columns_of(e) for e in expressions))
