"""Plans in which equal subtrees are equal node by node, whichever of their columns are read above them.

Every scan of a table has all columns that some scan of it has, and nothing is dropped on the way up. Who asks has the
plan's own columns by their positions; :mod:`locality.optimizer.prune` takes away again what nobody reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from locality.plan.columns import renumbered
from locality.plan.expressions import ColumnRef, Expression
from locality.plan.nodes import (
    Aggregate,
    AsofJoin,
    Filter,
    Join,
    JoinKey,
    Limit,
    Node,
    Project,
    Scan,
    Sort,
    Unnest,
    Window,
    inputs_of,
    walk_nodes,
    with_inputs,
)
from locality.types import DataType

#: For each column of a node, which of the wider node's it is.
Places = Sequence[int]


def widened(root: Node) -> Node:
    """The plan over wider scans; its own output columns stay as they are."""
    columns: dict[str, dict[int, DataType]] = {}
    for node in walk_nodes(root):
        if isinstance(node, Scan):
            columns.setdefault(node.table, {}).update(zip(node.columns, node.types, strict=True))
    return _Wide({table: dict(sorted(known.items())) for table, known in columns.items()}).exactly(root)


@dataclass(frozen=True)
class _Wide:
    """The columns that each table is scanned with, in order."""

    columns: Mapping[str, Mapping[int, DataType]]

    def exactly(self, node: Node) -> Node:
        """The node over wider scans, with its own columns in order."""
        if not isinstance(node, Scan | Filter | Project | Join | AsofJoin | Sort | Limit | Window | Aggregate | Unnest):
            return with_inputs(node, [self.exactly(child) for child in inputs_of(node)])
        wide, places = self.widened(node)
        if list(places) == list(range(len(wide.types))):
            return wide
        return Project(wide, tuple(ColumnRef(place, wide.types[place]) for place in places))

    def widened(self, node: Node) -> tuple[Node, Places]:
        match node:
            case Scan(table, columns):
                own = self.columns[table]
                wide: Node = replace(node, columns=tuple(own), types=tuple(own.values()))
                return wide, [list(own).index(column) for column in columns]
            case Filter(child, predicate):
                below, places = self.widened(child)
                return Filter(below, _moved(predicate, places)), places
            case Project(child, expressions):
                return _projected(*self.widened(child), expressions)
            case Sort(child, keys):
                below, places = self.widened(child)
                moved = tuple(replace(key, expression=_moved(key.expression, places)) for key in keys)
                return Sort(below, moved), places
            case Limit(child):
                below, places = self.widened(child)
                return replace(node, child=below), places
            case Window(child, calls):
                below, places = self.widened(child)
                width = len(below.types)
                moved_calls = tuple(call.mapped(lambda e: _moved(e, places)) for call in calls)
                return Window(below, moved_calls), [*places, *range(width, width + len(calls))]
            case Unnest(child, lists):
                below, places = self.widened(child)
                width = len(below.types)
                taken = Unnest(below, tuple(_moved(each, places) for each in lists))
                return taken, [*places, *range(width, width + len(lists))]
            case Aggregate(child, groups, aggregates):
                below, places = self.widened(child)
                calls_below = tuple(call.mapped(lambda e: _moved(e, places)) for call in aggregates)
                grouped = Aggregate(below, tuple(_moved(group, places) for group in groups), calls_below)
                return grouped, range(len(grouped.types))
            case Join() | AsofJoin():
                return self._joined(node)
            case _:
                exact = self.exactly(node)
                return exact, range(len(exact.types))

    def _joined(self, node: Join | AsofJoin) -> tuple[Node, Places]:
        left, lefts = self.widened(node.left)
        right, rights = self.widened(node.right)
        width = len(left.types)
        both = [*lefts, *(width + place for place in rights)]
        keys = tuple(_moved_key(key, lefts, rights) for key in node.keys)
        if isinstance(node, AsofJoin):
            value = _moved_key(node.value, lefts, rights)
            return replace(node, left=left, right=right, keys=keys, value=value), both
        residual = None if node.residual is None else _moved(node.residual, both)
        join = replace(node, left=left, right=right, keys=keys, residual=residual)
        match node.kind:
            case "semi" | "anti":
                return join, lefts
            case "mark":
                return join, [*lefts, width]
            case _:
                return join, both


def _projected(below: Node, places: Places, expressions: Sequence[Expression]) -> tuple[Node, Places]:
    """What is computed comes after all columns of the input; what only picks columns is no node of its own."""
    moved = [_moved(expression, places) for expression in expressions]
    computed = [expression for expression in moved if not isinstance(expression, ColumnRef)]
    if computed:
        own = [ColumnRef(i, dtype) for i, dtype in enumerate(below.types)]
        below, width = Project(below, (*own, *computed)), len(own)
    places = [e.index if isinstance(e, ColumnRef) else width + computed.index(e) for e in moved]
    return below, places


def _moved(expression: Expression, places: Places) -> Expression:
    return renumbered(expression, dict(enumerate(places)))


def _moved_key(key: JoinKey, lefts: Places, rights: Places) -> JoinKey:
    return JoinKey(_moved(key.left, lefts), _moved(key.right, rights), key.null_safe)
