"""What all rows of a shared result have in common, for children of the same parents that are joined with it.

A correlated subquery is computed for the keys that the outer rows have: ``l_partkey in (select p_partkey from ...)``,
where these were made of the parts of one brand. The subquery's own rows, if they carry the brand, need not be looked up
to be left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from locality.optimizer.lineage import Lineage, Path, classes_of, columns_as, stored
from locality.optimizer.regions import Region, Relation
from locality.plan.columns import replaced, substituted
from locality.plan.derived import Derived
from locality.plan.expressions import ColumnRef, Expression, columns_of
from locality.plan.nodes import Filter, Node, Project, SharedScan
from locality.plan.virtual import NAMES


@dataclass(frozen=True)
class Told:
    """A term that is true of the parents that a result's rows refer to, or of what is reached from there.

    keys: the result's columns that equal the columns ``parents`` of ``table``. term: over the columns ``read``, each at
    the end of a path from that table's row.
    """

    keys: tuple[int, ...]
    table: str
    parents: tuple[int, ...]
    read: tuple[tuple[Path, int], ...]
    term: Expression


def told_of(region: Region, known: Mapping[str, Mapping[int, Derived]]) -> list[Told]:
    """What is true of all rows of a region's result; ``known`` are the derived columns of tables by their numbers."""
    owners = region.owners()
    found: list[Told] = []
    for term in region.terms:
        read = {owners[column] for column in columns_of(term)}
        if len(read) == 1 and region.relations[min(read)].kind == "inner":
            found += _told_by(region, region.relations[min(read)], term, known)
    return found


def _told_by(
    region: Region, relation: Relation, term: Expression, known: Mapping[str, Mapping[int, Derived]]
) -> Iterator[Told]:
    """What a term over one relation says of its rows' parents, and of these rows themselves as others' parents."""
    found = stored(relation.node)
    if found is None:
        return
    table = found.scan.table
    refs = sorted(columns_of(term))
    numbers = [found.columns[column - relation.first] for column in refs]
    places = {column: i for i, column in enumerate(refs)}
    over_read = replaced(term, lambda e: ColumnRef(places[e.index], e.type))

    def shown(columns: Sequence[int]) -> tuple[int, ...]:
        own = [columns_as(relation, found, column) for column in columns]
        at = [[i for i, output in enumerate(region.outputs) if output in each] for each in own]
        return tuple(each[0] for each in at) if all(at) else ()

    derived = [known[table].get(number) for number in numbers if number is not None]
    if None not in numbers and all(derived):
        paths = [d.path for d in derived if d is not None]
        first = paths[0][0]
        if all(path[0] == first for path in paths) and (keys := shown(first.columns)):
            read = tuple((d.path[1:], d.column) for d in derived if d is not None)
            yield Told(keys, first.table, first.parents, read, over_read)
    elif not any(derived) and not any(number is None or number in NAMES for number in numbers):
        steps = (step for each in known.values() for d in each.values() for step in d.path if step.table == table)
        for parents in dict.fromkeys(step.parents for step in steps):
            if keys := shown(parents):
                read = tuple(((), number) for number in numbers if number is not None)
                yield Told(keys, table, parents, read, over_read)


def told_about(lineage: Lineage, told: Mapping[int, Sequence[Told]]) -> Iterator[Expression]:
    """Terms over the child that are true of its rows that go with rows of shared results; ``told`` by their numbers."""
    region, child = lineage.region, lineage.region.relations[lineage.child]
    for position, relation in enumerate(region.relations):
        shared = _shared(relation.node)
        if shared is None or position == lineage.child or relation.kind not in ("inner", "semi"):
            continue
        number, columns = shared
        equal = classes_of((*region.terms, *relation.terms, *(() if child.kind == "inner" else child.terms)))
        for each in told.get(number, ()):
            keys = [
                [ColumnRef(relation.first + i, relation.node.types[i]) for i, own in enumerate(columns) if own == key]
                for key in each.keys
            ]
            for step in lineage.steps_to(each.table, each.parents, keys, equal):
                found = [lineage.carried((step, *path), column) for path, column in each.read]
                values = [value for value in found if value is not None]
                if len(values) == len(found):
                    yield substituted(each.term, values)


def _shared(node: Node) -> tuple[int, tuple[int | None, ...]] | None:
    """The shared result whose rows a node has, and for each of the node's columns that of the result."""
    match node:
        case SharedScan(number, types):
            return number, tuple(range(len(types)))
        case Filter(child):
            return _shared(child)
        case Project(child, expressions):
            below = _shared(child)
            if below is None:
                return None
            return below[0], tuple(below[1][e.index] if isinstance(e, ColumnRef) else None for e in expressions)
        case _:
            return None
