"""What a plan does with each scan: the columns that it reads, the filters that can exclude its zones, its grouping.

The walk follows :mod:`locality.operators.build`: which columns a pass over all rows reads, and which are gathered later
for the rows that are left, is decided there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from locality.plan import nodes
from locality.plan.columns import renumbered, substituted
from locality.plan.expressions import ColumnRef, Expression, columns_of, conjuncts
from locality.plan.virtual import NAMES
from locality.types import DataType


@dataclass(frozen=True)
class Grouping:
    """Groups by one column of a scan (position in it). slots: 64-bit cells that a group's state has."""

    column: int
    slots: int


@dataclass(frozen=True)
class Asked:
    """Conjuncts of a scan that read the same columns: positions in the table, by whose places they have them."""

    columns: tuple[int, ...]
    types: tuple[DataType, ...]
    conjuncts: tuple[Expression, ...]

    @cached_property
    def _hash(self) -> int:
        return hash((self.columns, self.conjuncts))

    def __hash__(self) -> int:  # of deep trees, and asked for often
        return self._hash


@dataclass(eq=False)
class TableUse:
    """One scan. conjuncts: over its columns; a zone that can't fulfil one is not read.

    scanned, gathered: its columns (positions in the scan) that a pass reads, and those that are fetched afterwards for
    the rows that are left. sifted: whether a join may leave out blocks of its rows, as far as keys tell.
    """

    scan: nodes.Scan
    conjuncts: list[Expression] = field(default_factory=list)
    scanned: set[int] = field(default_factory=set)
    gathered: set[int] = field(default_factory=set)
    groupings: list[Grouping] = field(default_factory=list)
    sifted: bool = False

    @cached_property
    def asks(self) -> tuple[Asked, ...]:
        """What decides which zones it reads."""
        scan = self.scan
        groups: dict[tuple[int, ...], list[Expression]] = {}
        for term in self.conjuncts:
            read = tuple(sorted(columns_of(term), key=scan.columns.__getitem__))
            groups.setdefault(read, []).append(renumbered(term, {old: new for new, old in enumerate(read)}))
        found = (
            Asked(tuple(scan.columns[i] for i in read), tuple(scan.types[i] for i in read), tuple(terms))
            for read, terms in groups.items()
        )
        return tuple(sorted(found, key=lambda asked: asked.columns))


@dataclass(frozen=True)
class _Rows:
    """Rows on their way through a pipeline: the scan that they come from, and their columns over numbered ones.

    joined: whether a join has found matches for them, by which they may be grouped, in whatever order they lie.
    """

    lead: TableUse | None
    outputs: tuple[Expression, ...]
    joined: bool = False


class _Reader:
    def __init__(self) -> None:
        self.uses: list[TableUse] = []
        self._owners: list[tuple[TableUse, int] | None] = []

    def collected(self, node: nodes.Node) -> _Rows:
        """The rows of an operator that keeps positions, so that bare columns are fetched when they are read."""
        rows = self._rows(node)
        self._read(rows, (e for e in rows.outputs if not isinstance(e, ColumnRef)))
        for output in rows.outputs:
            owner = self._owners[output.index] if isinstance(output, ColumnRef) else None
            if owner is not None:
                owner[0].gathered.add(owner[1])
        return _Rows(None, rows.outputs)

    def _rows(self, node: nodes.Node) -> _Rows:
        match node:
            case nodes.Scan(types=types):
                use = TableUse(node)
                self.uses.append(use)
                return _Rows(use, self._numbered(types, use))
            case nodes.Filter(child, predicate):
                rows = self._rows(child)
                for term in conjuncts(predicate):
                    self._filter(rows, substituted(term, rows.outputs))
                return rows
            case nodes.Project(child, expressions):
                rows = self._rows(child)
                return replace(rows, outputs=tuple(substituted(e, rows.outputs) for e in expressions))
            case nodes.Join():
                return self._join(node)
            case nodes.Aggregate():
                return self._aggregate(node)
            case _:
                for child in nodes.inputs_of(node):
                    self.collected(child)
                return _Rows(None, self._numbered(node.types, None))

    def _join(self, node: nodes.Join) -> _Rows:
        left, right = self._rows(node.left), self.collected(node.right)
        self._read(left, (substituted(key.left, left.outputs) for key in node.keys))
        both = (*left.outputs, *right.outputs)
        if left.lead is not None and node.kind in ("inner", "semi"):
            left.lead.sifted = True
        if node.residual is not None:
            self._read(left, (substituted(node.residual, both),))
        match node.kind:
            case "semi" | "anti":
                return replace(left, joined=True)
            case "mark":
                return _Rows(left.lead, (*left.outputs, *self._numbered(node.types[-1:], None)), True)
            case "right" | "full":
                return _Rows(None, both)
            case _:
                return _Rows(left.lead, both, True)

    def _aggregate(self, node: nodes.Aggregate) -> _Rows:
        rows = self._rows(node.child)
        groups = [substituted(group, rows.outputs) for group in node.groups]
        self._read(rows, groups)
        self._read(rows, (substituted(e, rows.outputs) for call in node.aggregates for e in call.expressions()))
        if len(groups) == 1 and isinstance(groups[0], ColumnRef) and rows.lead is not None and not rows.joined:
            owner = self._owners[groups[0].index]
            if owner is not None and owner[0] is rows.lead:
                rows.lead.groupings.append(Grouping(owner[1], 1 + len(node.aggregates)))
        return _Rows(None, self._numbered(node.types, None))

    def _numbered(self, types: Sequence[DataType], use: TableUse | None) -> tuple[Expression, ...]:
        first = len(self._owners)
        self._owners += [None if use is None else (use, i) for i in range(len(types))]
        return tuple(ColumnRef(first + i, dtype) for i, dtype in enumerate(types))

    def _filter(self, rows: _Rows, term: Expression) -> None:
        self._read(rows, (term,))
        owners = [self._owners[index] for index in columns_of(term)]
        if owners and rows.lead is not None and all(o is not None and o[0] is rows.lead for o in owners):
            local = {index: owner[1] for index in columns_of(term) if (owner := self._owners[index]) is not None}
            width = max(columns_of(term)) + 1
            numbers = [ColumnRef(local.get(i, 0), rows.lead.scan.types[local.get(i, 0)]) for i in range(width)]
            rows.lead.conjuncts.append(substituted(term, numbers))

    def _read(self, rows: _Rows, expressions: Iterable[Expression]) -> None:
        for expression in expressions:
            for index in columns_of(expression):
                owner = self._owners[index]
                if owner is not None:
                    (owner[0].scanned if owner[0] is rows.lead else owner[0].gathered).add(owner[1])


def table_uses(root: nodes.Node) -> tuple[TableUse, ...]:
    """The scans of an optimized plan and what is done with each."""
    reader = _Reader()
    reader.collected(root)
    for use in reader.uses:
        hidden = {i for i, column in enumerate(use.scan.columns) if column in NAMES}
        use.scanned -= hidden
        use.gathered -= use.scanned | hidden
        use.conjuncts = [term for term in use.conjuncts if hidden.isdisjoint(columns_of(term))]
    return tuple(reader.uses)
