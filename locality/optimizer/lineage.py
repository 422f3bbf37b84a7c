"""Which relations of a region hold the parents of a child's rows, by the foreign keys that its terms follow.

A child's layout has columns of its parents. Where a region's terms equate a foreign key of the child with the key of a
relation that is the whole table of its parents, every row of the result has that parent's row, and so the child's
column in place of the parent's. The same goes on from parents to theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from locality.optimizer.deleted import whole_table
from locality.optimizer.regions import Region, Relation
from locality.plan.derived import Derived, Reference
from locality.plan.expressions import Call, ColumnRef, Constant, Expression
from locality.plan.nodes import Filter, Node, Project, Scan
from locality.plan.virtual import LIVE
from locality.types import BOOLEAN

Path = tuple[Reference, ...]
Classes = dict[ColumnRef, frozenset[ColumnRef]]


@dataclass(frozen=True)
class Stored:
    """A relation's node as rows of a table: for each of its columns that of the table, None for what is computed."""

    scan: Scan
    columns: tuple[int | None, ...]


def stored(node: Node) -> Stored | None:
    """What a node has of a table, if its rows are some of a table's or all."""
    match node:
        case Scan(columns=columns):
            return Stored(node, columns)
        case Filter(child):
            return stored(child)
        case Project(child, expressions):
            below = stored(child)
            if below is None:
                return None
            known = (below.columns[e.index] if isinstance(e, ColumnRef) else None for e in expressions)
            return Stored(below.scan, tuple(known))
        case _:
            return None


def is_whole(node: Node) -> bool:
    """Whether a node has all rows of a stored table that are there."""
    while isinstance(node, Project):
        node = node.child
    return whole_table(node) is not None


@dataclass(frozen=True)
class Ancestor:
    """A relation that has the parent of each row of ``holder``, which is the child or an ancestor itself.

    path: the foreign keys that lead from the child to it. keys: for its key's columns those of the holder that equal
    them; all by the region's numbers.
    """

    path: Path
    holder: int
    keys: Mapping[int, ColumnRef]

    def is_followed_by(self, term: Expression) -> bool:
        """Whether a term says no more than that the holder's row has this parent."""
        match term:
            case Call("=", (ColumnRef(one), ColumnRef(other))):
                pairs = ((one, other), (other, one))
                return any(a in self.keys and self.keys[a].index == b for a, b in pairs)
            case _:
                return False


@dataclass(frozen=True)
class Lineage:
    """The ancestors, by their positions, of the relation ``child`` of ``region``, which has the columns ``derived``.

    known: all derived columns of tables, by their numbers. equal: for each column all that the terms of the region, and
    of the child, make equal to it.
    """

    region: Region
    child: int
    derived: Sequence[Derived]
    ancestors: Mapping[int, Ancestor]
    known: Mapping[str, Mapping[int, Derived]]
    equal: Classes

    @cached_property
    def _owners(self) -> dict[int, int]:
        return self.region.owners()

    @cached_property
    def _columns(self) -> dict[tuple[Path, int], ColumnRef]:
        """The child's column for a table's column at the end of a path."""
        relation = self.region.relations[self.child]
        found = stored(relation.node)
        assert found is not None
        places = {column: relation.first + i for i, column in enumerate(found.columns)}
        own = ((d.path, d.column, d.number, d.type) for d in self.derived)
        return {(path, column): ColumnRef(places[number], dtype) for path, column, number, dtype in own}

    def column_of(self, position: int, column: int) -> int | None:
        """What a numbered column is in the table whose rows the relation at ``position`` has."""
        relation = self.region.relations[position]
        found = stored(relation.node)
        return None if found is None or column not in relation.own else found.columns[column - relation.first]

    def replacement(self, column: ColumnRef, gone: Iterable[int]) -> Expression | None:
        """What has a column's value where the relations ``gone`` are not there; None if nothing has."""
        position = self._owners[column.index]
        ancestor = self.ancestors.get(position)
        if ancestor is None or position not in gone:
            return column
        stored_column = self.column_of(position, column.index)
        if stored_column is None:
            return None
        if stored_column == LIVE:
            return Constant(True, BOOLEAN)  # of a row that is there, the parent is
        if column.index in ancestor.keys:
            held = self.replacement(ancestor.keys[column.index], gone)
            if held is not None:
                return held
        table = ancestor.path[-1].table
        if stored_column in self.known[table]:
            derived = self.known[table][stored_column]
            return self.carried((*ancestor.path, *derived.path), derived.column)
        return self.carried(ancestor.path, stored_column)

    def own(self, column: ColumnRef) -> Expression | None:
        """The child's column that has the values of one of an ancestor, or of one that another child has of it."""
        position = self._owners[column.index]
        if position in self.ancestors:
            return self.replacement(column, self.ancestors)
        other = self.region.relations[position]
        number = self.column_of(position, column.index)
        found = stored(other.node)
        if found is None or number is None or other.kind != "inner":
            return None
        derived = self.known[found.scan.table].get(number)
        if derived is None:
            return None
        first = derived.path[0]
        theirs = [columns_as(other, found, key) for key in first.columns]
        for step in self.steps_to(first.table, first.parents, theirs, self.equal):
            carried = self.carried((step, *derived.path[1:]), derived.column)
            if carried is not None:
                return carried
        return None

    def carried(self, path: Path, column: int) -> ColumnRef | None:
        """The child's column for a table's column at the end of a path."""
        return self._columns.get((path, column))

    def steps_to(
        self, table: str, parents: Sequence[int], keys: Sequence[Sequence[ColumnRef]], equal: Classes
    ) -> list[Reference]:
        """The child's references to the row of a table whose ``parents`` are equal to some of each of ``keys``."""
        relation = self.region.relations[self.child]
        found = stored(relation.node)
        assert found is not None
        steps = dict.fromkeys(path[0] for path, _ in self._columns)
        return [
            step
            for step in steps
            if (step.table, step.parents) == (table, tuple(parents))
            and all(
                any(b in equal.get(a, ()) for a in columns_as(relation, found, mine) for b in theirs)
                for mine, theirs in zip(step.columns, keys, strict=True)
            )
        ]

    def reached(self, position: int, gone: Iterable[int], never_null: Iterable[int]) -> list[Expression] | None:
        """Columns of which all are values exactly where a row has the ancestor at ``position``; None if none tell.

        never_null: columns of the ancestor's table.
        """
        ancestor = self.ancestors[position]
        held = [self.replacement(key, gone) for key in ancestor.keys.values()]
        if None not in held:
            return [e for e in held if e is not None]
        told = (self.carried(ancestor.path, column) for column in never_null)
        first = next((column for column in told if column is not None), None)
        return None if first is None else [first]


def lineage_of(
    region: Region, child: int, derived: Sequence[Derived], known: Mapping[str, Mapping[int, Derived]]
) -> Lineage:
    """The ancestors of a relation that has the ``derived`` columns of its table, along the paths of these."""
    prefixes = dict.fromkeys(d.path[:length] for d in derived for length in range(1, len(d.path) + 1))
    weights = {path: sum(d.path[: len(path)] == path for d in derived) for path in prefixes}
    found: dict[int, Ancestor] = {}
    equal = _Equal(region, child)
    while True:
        places = [(child, ()), *((position, each.path) for position, each in found.items())]
        steps = [
            Ancestor((*path, reference), holder, keys)
            for holder, path in places
            for reference in [p[-1] for p in prefixes if p[:-1] == path]
            for position in range(len(region.relations))
            if position != child and position not in found
            for keys in [equal.keys(holder, reference, position)]
            if keys
        ]
        if not steps:
            return Lineage(region, child, derived, found, known, equal.classes)
        best = max(steps, key=lambda step: (weights[step.path], -len(step.path)))
        found[region.owners()[min(best.keys)]] = best


class _Equal:
    """Which columns are equal in all rows of a region's result, and in pairs that an attached ``child`` matches."""

    def __init__(self, region: Region, child: int) -> None:
        self._relations = region.relations
        self._stored = [stored(relation.node) for relation in region.relations]
        self._is_inner = region.relations[child].kind == "inner"
        terms = region.terms if self._is_inner else (*region.terms, *region.relations[child].terms)
        self.classes = classes_of(terms)

    def keys(self, holder: int, reference: Reference, position: int) -> dict[int, ColumnRef]:
        """For each column of a key of the relation at ``position``, that of ``holder`` which refers to it, by numbers.

        Empty if the relation does not have each row's parent.
        """
        relation, parent, child = self._relations[position], self._stored[position], self._stored[holder]
        if parent is None or child is None or parent.scan.table != reference.table or not is_whole(relation.node):
            return {}
        match relation.kind:
            case "inner":
                classes = self.classes
            case "left" | "single" if self._is_inner:  # else they may be joined to rows that lack the child
                classes = classes_of(relation.terms)
            case _:
                return {}
        found: dict[int, ColumnRef] = {}
        for mine, theirs in zip(reference.columns, reference.parents, strict=True):
            ours = columns_as(self._relations[holder], child, mine)
            keys = columns_as(relation, parent, theirs)
            pair = next(((a, b) for a in ours for b in keys if b in classes.get(a, ())), None)
            if pair is None:
                return {}
            found[pair[1].index] = pair[0]
        if relation.kind != "inner" and not all(Ancestor((), holder, found).is_followed_by(t) for t in relation.terms):
            return {}
        return found


def columns_as(relation: Relation, found: Stored, column: int) -> list[ColumnRef]:
    """The numbered columns of a relation that are one column of its table."""
    types = relation.node.types
    return [ColumnRef(relation.first + i, types[i]) for i, own in enumerate(found.columns) if own == column]


def classes_of(terms: Iterable[Expression]) -> Classes:
    """For each column that terms equate with another, all that it equals."""
    classes: Classes = {}
    for term in terms:
        match term:
            case Call("=", (ColumnRef() as one, ColumnRef() as other)):
                merged = classes.get(one, frozenset({one})) | classes.get(other, frozenset({other}))
                classes.update((column, merged) for column in merged)
            case _:
                pass
    return classes
