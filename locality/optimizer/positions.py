"""Rows of one parent told by its position instead of its key, where a layout follows the one and not the other.

A child that lies in its parent's order has the rows of a parent together, but their keys are strewn: groups by the key
would need state for all parents, scattered in memory. The position of the parent's row is one to one with its key, and
ascends: grouped by it, each morsel meets a narrow range. Joins of children with each other, and with the parent, read
it, too. A group's key is that of any of its rows; so is each other column that is stored with the child from the same
parent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from locality.optimizer.prune import prune_columns
from locality.optimizer.route import cheapest
from locality.optimizer.statistics import Statistics
from locality.plan.columns import renumbered
from locality.plan.derived import Derived, Reference
from locality.plan.expressions import AggregateCall, ColumnRef, Expression, conjuncts
from locality.plan.nodes import (
    PRIMARY,
    Aggregate,
    Filter,
    Join,
    JoinKey,
    Limit,
    Node,
    Project,
    Recursive,
    Scan,
    Shared,
    SharedScan,
    Sort,
    Window,
    inputs_of,
    walk_nodes,
    with_inputs,
)
from locality.plan.virtual import ROW_ID
from locality.plan.windows import WindowCall
from locality.types import BIGINT, Domain


def group_by_positions(root: Node, statistics: Statistics) -> Node:
    """The plan with such groups and joins; its output columns stay as they are."""
    nodes = list(walk_nodes(root))
    tables = {node.table for node in nodes if isinstance(node, Scan)}
    if any(isinstance(node, Recursive) for node in nodes) or not any(_join_indexes(t, statistics) for t in tables):
        return root
    pruned = prune_columns(root)
    parents = {index.path[0] for table in tables for _, index in _join_indexes(table, statistics)}
    found = prune_columns(_narrowed(_Widener(statistics, frozenset(parents)).widened(pruned)))
    return root if found == pruned else found


def _join_indexes(table: str, statistics: Statistics) -> list[tuple[str, Derived]]:
    """The positions of parents by keys of one column, and the layouts that have them."""
    return [
        (layout, each)
        for layout in statistics.layouts(table)
        for each in statistics.derived(table, layout)
        if each.column == ROW_ID and len(each.path) == 1 and len(each.path[0].columns) == 1
    ]


@dataclass(frozen=True)
class _Wide:
    """A node with parents' positions as further columns. All columns that are named are those that it had before.

    at: where each of them is now.
    parents: the table, and its column, that columns are keys of.
    strewn: those of these columns that it pays not to group by. own: those in rows of the parent itself.
    positions: for keys, and for columns that their parent determines, the column with the parent's position, as it is
        now.
    """

    node: Node
    at: tuple[int, ...]
    parents: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    positions: Mapping[int, int] = field(default_factory=dict)
    strewn: frozenset[int] = frozenset()
    own: frozenset[int] = frozenset()

    def renumbered(self, expression: Expression) -> Expression:
        return renumbered(expression, dict(enumerate(self.at)))

    def told_apart(self, expression: Expression) -> Expression:
        """What rows are told apart by as by an expression: the position in the place of a key, where it pays."""
        if isinstance(expression, ColumnRef) and expression.index in self.strewn:
            return ColumnRef(self.positions[expression.index], BIGINT)
        return self.renumbered(expression)

    def key(self, expression: Expression) -> int | None:
        """The column that an expression is, if it is a parent's key."""
        return expression.index if isinstance(expression, ColumnRef) and expression.index in self.parents else None


def _as_it_was(node: Node) -> _Wide:
    return _Wide(node, tuple(range(len(node.types))))


def _narrowed(wide: _Wide) -> Node:
    """The node with the columns that it had."""
    types = wide.node.types
    if wide.at == tuple(range(len(types))):
        return wide.node
    return Project(wide.node, tuple(ColumnRef(place, types[place]) for place in wide.at))


@dataclass(frozen=True)
class _Widener:
    """references: from children to parents whose positions they have. shared: what became of results, by numbers."""

    statistics: Statistics
    references: frozenset[Reference]
    shared: Mapping[int, _Wide] = field(default_factory=dict)

    def widened(self, node: Node) -> _Wide:
        match node:
            case Scan():
                return self._scan(node, ())
            case Filter(Scan() as scan, predicate):
                wide = self._scan(scan, conjuncts(predicate))
                return replace(wide, node=Filter(wide.node, predicate))
            case Filter(child, predicate):
                wide = self.widened(child)
                return replace(wide, node=Filter(wide.node, wide.renumbered(predicate)))
            case Sort(child, keys):
                wide = self.widened(child)
                keys = tuple(replace(key, expression=wide.renumbered(key.expression)) for key in keys)
                return replace(wide, node=Sort(wide.node, keys))
            case Limit(child):
                wide = self.widened(child)
                return replace(wide, node=replace(node, child=wide.node))
            case Window(child, calls):
                wide = self.widened(child)
                width = len(wide.node.types)
                made = Window(wide.node, tuple(_call(call, wide) for call in calls))
                return replace(wide, node=made, at=(*wide.at, *range(width, width + len(calls))))
            case Project(child, expressions):
                return _project(self.widened(child), expressions)
            case Aggregate(child):
                return _aggregate(node, self.widened(child))
            case Join(left, right):
                return _join(node, self.widened(left), self.widened(right))
            case Shared(definition, child, number):
                known = self.widened(definition)
                wide = replace(self, shared={**self.shared, number: known}).widened(child)
                return replace(wide, node=Shared(known.node, wide.node, number))
            case SharedScan(number):
                return replace(self.shared[number], node=SharedScan(number, self.shared[number].node.types))
            case _:
                inputs = [_narrowed(self.widened(child)) for child in inputs_of(node)]
                return _as_it_was(with_inputs(node, inputs))

    def _scan(self, scan: Scan, terms: tuple[Expression, ...]) -> _Wide:
        """A scan with the positions that the layout which it will read follows, and not their keys."""
        wide = self._parent(scan, terms)
        if not (found := _join_indexes(scan.table, self.statistics)):
            return wide
        layout = cheapest(scan, terms, self.statistics).layout
        derived = {each.number: each for each in self.statistics.derived(scan.table, layout)}
        for name, index in found:
            key = index.path[0].columns[0]
            if name != layout or key not in scan.columns or not self._pays(scan.table, layout, key, index.number):
                continue
            node = wide.node
            assert isinstance(node, Scan)
            place = len(node.columns)
            node = replace(node, columns=(*node.columns, index.number), types=(*node.types, BIGINT))
            mine = [i for i, c in enumerate(scan.columns) if c in derived and derived[c].path[0] == index.path[0]]
            keys = [i for i, c in enumerate(scan.columns) if c == key]
            wide = _Wide(
                node,
                wide.at,
                {**wide.parents, **dict.fromkeys(keys, (index.path[0].table, index.path[0].parents[0]))},
                {**wide.positions, **dict.fromkeys([*keys, *mine], place)},
                wide.strewn.union(keys),
                wide.own,
            )
        return wide

    def _parent(self, scan: Scan, terms: tuple[Expression, ...]) -> _Wide:
        """A scan of a parent with the positions of its rows, which the primary layout alone can tell."""
        wide = _as_it_was(scan)
        known = {each.parents[0] for each in self.references if each.table == scan.table}
        keys = [i for i, column in enumerate(scan.columns) if column in known]
        if not keys or cheapest(scan, terms, self.statistics).layout != PRIMARY:
            return wide
        node = replace(scan, columns=(*scan.columns, ROW_ID), types=(*scan.types, BIGINT))
        return replace(
            wide,
            node=node,
            parents={i: (scan.table, scan.columns[i]) for i in keys},
            positions=dict.fromkeys(keys, len(scan.columns)),
            own=frozenset(keys),
        )

    def _pays(self, table: str, layout: str, key: int, position: int) -> bool:
        statistics = self.statistics
        return (
            not statistics.has_nulls(table, position)
            and statistics.follows(table, layout, position)
            and not statistics.follows(table, layout, key)
        )


def _project(wide: _Wide, expressions: tuple[Expression, ...]) -> _Wide:
    known = {i: e.index for i, e in enumerate(expressions) if isinstance(e, ColumnRef) and e.index in wide.positions}
    width = len(expressions)
    kept = _places((wide.positions[index] for index in known.values()), width)
    further = (ColumnRef(position, BIGINT) for position in kept)
    node = Project(wide.node, (*map(wide.renumbered, expressions), *further))
    return _Wide(
        node,
        tuple(range(width)),
        {i: wide.parents[index] for i, index in known.items() if index in wide.parents},
        {i: kept[wide.positions[index]] for i, index in known.items()},
        frozenset(i for i, index in known.items() if index in wide.strewn),
        frozenset(i for i, index in known.items() if index in wide.own),
    )


def _places(positions: Iterable[int], first: int) -> dict[int, int]:
    """A place from ``first`` on for each of some columns."""
    return {position: first + i for i, position in enumerate(dict.fromkeys(positions))}


def _join(join: Join, left: _Wide, right: _Wide) -> _Wide:
    width, now = len(left.at), len(left.node.types)
    at = (*left.at, *(now + place for place in right.at))
    residual = None if join.residual is None else renumbered(join.residual, dict(enumerate(at)))
    pairs = [_met(key, left, right) for key in join.keys]
    keys = tuple(_key(key, pair, left, right) for key, pair in zip(join.keys, pairs, strict=True))
    node = replace(join, left=left.node, right=right.node, keys=keys, residual=residual)
    match join.kind:
        case "semi" | "anti":
            return replace(left, node=node)
        case "mark":
            return replace(left, node=node, at=(*left.at, now))
        case _:
            return _Wide(
                node,
                at,
                {**left.parents, **{width + i: key for i, key in right.parents.items()}},
                {**left.positions, **{width + i: now + place for i, place in right.positions.items()}},
                left.strewn.union(width + i for i in right.strewn).union(_told_apart(join, pairs)),
                left.own.union(width + i for i in right.own),
            )


def _met(key: JoinKey, left: _Wide, right: _Wide) -> tuple[int, int] | None:
    """The columns of a key of which positions are joined in their place."""
    mine, other = left.key(key.left), right.key(key.right)
    if mine is None or other is None or left.parents[mine] != right.parents[other]:
        return None
    if key.null_safe or (mine not in left.strewn and other not in right.strewn):  # a parent's key may be NULL
        return None
    return mine, other


def _key(key: JoinKey, pair: tuple[int, int] | None, left: _Wide, right: _Wide) -> JoinKey:
    if pair is None:
        return JoinKey(left.renumbered(key.left), right.renumbered(key.right), key.null_safe)
    mine, other = pair
    return JoinKey(ColumnRef(left.positions[mine], BIGINT), ColumnRef(right.positions[other], BIGINT))


def _told_apart(join: Join, pairs: Iterable[tuple[int, int] | None]) -> Iterator[int]:
    """Keys whose positions a join has found, by which the rows that it makes are grouped without hashing."""
    for pair in pairs:
        if pair is not None and join.kind == "inner":
            yield from (pair[0], len(join.left.types) + pair[1])


def _aggregate(node: Aggregate, wide: _Wide) -> _Wide:
    calls = tuple(_count(call, wide) for call in node.aggregates)
    keys = [(i, e.index) for i, e in enumerate(node.groups) if isinstance(e, ColumnRef) and e.index in wide.strewn]
    if not keys:
        return _as_it_was(Aggregate(wide.node, tuple(map(wide.renumbered, node.groups)), calls))
    lead, key = keys[0]
    position = ColumnRef(wide.positions[key], BIGINT)
    told = [i for i, group in enumerate(node.groups) if _is_told(group, position.index, wide)]
    others = [i for i in range(len(node.groups)) if i not in told]
    groups = (position, *(wide.renumbered(node.groups[i]) for i in others))
    values = (wide.renumbered(node.groups[i]) for i in told)
    any_of = tuple(AggregateCall("min", (value,), value.type) for value in values)
    first = len(groups)
    at = {
        **{group: 1 + i for i, group in enumerate(others)},
        **{group: first + len(calls) + i for i, group in enumerate(told)},
        **{len(node.groups) + i: first + i for i in range(len(calls))},
    }
    made = Aggregate(wide.node, groups, (*calls, *any_of))
    places = tuple(at[i] for i in range(len(node.types)))
    return _Wide(made, places, {lead: wide.parents[key]}, dict.fromkeys(told, 0), frozenset({lead}))


def _call(call: WindowCall, wide: _Wide) -> WindowCall:
    """The same over partitions of a parent's rows."""
    return replace(call.mapped(wide.renumbered), partitions=tuple(map(wide.told_apart, call.partitions)))


def _count(call: AggregateCall, wide: _Wide) -> AggregateCall:
    """The same; where keys are counted once each, positions are."""
    mapped = call.mapped(wide.renumbered)
    if call.name != "count" or not call.distinct:
        return mapped
    return replace(mapped, args=tuple(map(wide.told_apart, call.args)))


def _is_told(group: Expression, position: int, wide: _Wide) -> bool:
    """Whether all rows of one parent, whose position is in a column, agree in ``group``, and it is cheap to keep.

    A column of the parent's own row is the join's to tell.
    """
    match group:
        case ColumnRef(index) if wide.positions.get(index) == position and index not in wide.own:
            return group.type.domain is Domain.INTEGER or index in wide.parents
        case _:
            return False
