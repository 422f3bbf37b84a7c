"""Groups by the key of a table's row alone, and the row's other columns gathered once for each group.

``GROUP BY c_custkey, c_name, c_address`` makes the groups of ``GROUP BY c_custkey`` where that is a key: the other
columns depend on it. Text that is kept raw is worth the detour: grouping by it row by row would compare and copy its
bytes, where a join of the groups with the table reads it once a group, and after ORDER BY and LIMIT only for the rows
that are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from locality.optimizer.deleted import live_rows
from locality.optimizer.statistics import Statistics
from locality.plan.columns import renumbered
from locality.plan.expressions import ColumnRef, Expression
from locality.plan.nodes import (
    Aggregate,
    Filter,
    Join,
    JoinKey,
    Limit,
    Node,
    Project,
    Scan,
    Shared,
    Sort,
    Window,
    inputs_of,
    with_inputs,
)


@dataclass(frozen=True)
class Origin:
    """The scan that a column comes from, by the inputs that lead there from the top, and its position in the table."""

    path: tuple[int, ...]
    scan: Scan
    column: int


def group_by_keys(root: Node, statistics: Statistics) -> Node:
    """The plan with every aggregation that groups by a table's key and its raw text grouping by the key alone."""
    root = with_inputs(root, [group_by_keys(child, statistics) for child in inputs_of(root)])
    return _grouped_by_keys(root, statistics) if isinstance(root, Aggregate) else root


def _grouped_by_keys(node: Aggregate, statistics: Statistics) -> Node:
    """The aggregation, joined with one table after the other."""
    determined = _determined_groups(node, statistics)
    return node if determined is None else _rejoined(node, determined, statistics)


@dataclass(frozen=True)
class _Determined:
    """Groups that depend on one row of a scan: their places among the groups, and a key of the scan's table."""

    path: tuple[int, ...]
    scan: Scan
    places: dict[int, int]
    key: tuple[int, ...]

    @property
    def dependents(self) -> list[int]:
        """The table's columns that the key determines, in the order of the groups."""
        return [column for column in self.places.values() if column not in self.key]


def _determined_groups(node: Aggregate, statistics: Statistics) -> _Determined | None:
    """The first groups that are a scan's key and raw text that it determines."""
    scans: dict[tuple[int, ...], tuple[Scan, dict[int, int]]] = {}
    for place, group in enumerate(node.groups):
        origin = origin_of(node.child, group)
        if origin is not None:
            _, places = scans.setdefault(origin.path, (origin.scan, {}))
            if origin.column not in places.values():
                places[place] = origin.column
    for path, (scan, places) in scans.items():
        key = _key_for(scan, frozenset(places.values()), statistics)
        if key is not None:
            determined = _Determined(path, scan, places, key)
            if any(statistics.is_raw(scan.table, column) for column in determined.dependents):
                return determined
    return None


def _key_for(scan: Scan, grouped: frozenset[int], statistics: Statistics) -> tuple[int, ...] | None:
    """A key without raw text whose groups are those of the ``grouped`` columns; None if these have no key.

    Floats are no keys here: storage may tell values apart that SQL takes for equal.
    """
    exact = {c for c, dtype in zip(scan.columns, scan.types, strict=True) if not dtype.is_float}
    unique = [
        key
        for key in statistics.unique_keys(scan.table)
        if key and key <= exact and not any(statistics.has_nulls(scan.table, column) for column in key)
    ]
    plain = [key for key in unique if not any(statistics.is_raw(scan.table, column) for column in key)]
    if not plain or not any(key <= grouped for key in unique):
        return None
    cheapest = sorted(plain, key=lambda key: (not key <= grouped, len(key)))[0]
    return tuple(sorted(cheapest))


def origin_of(node: Node, expression: Expression) -> Origin | None:
    """Where the values of a column of ``node`` come from; None for what is computed.

    Rows that an outer join made up have NULL in all columns of a scan.
    """
    if not isinstance(expression, ColumnRef):
        return None
    index = expression.index
    match node:
        case Scan(columns=columns):
            return Origin((), node, columns[index])
        case Project(child, expressions):
            return _through(0, origin_of(child, expressions[index]))
        case Filter(child) | Sort(child) | Limit(child):
            return _through(0, origin_of(child, expression))
        case Shared(child=child):
            return _through(1, origin_of(child, expression))
        case Window(child) if index < len(child.types):
            return _through(0, origin_of(child, expression))
        case Join(left, right):
            width = len(left.types)
            if index < width:
                return _through(0, origin_of(left, expression))
            if node.kind == "mark":
                return None
            return _through(1, origin_of(right, ColumnRef(index - width, expression.type)))
        case _:
            return None


def _through(number: int, origin: Origin | None) -> Origin | None:
    return None if origin is None else replace(origin, path=(number, *origin.path))


def _rejoined(node: Aggregate, determined: _Determined, statistics: Statistics) -> Node:
    """The aggregation by the key, joined with the table for the columns that depend on it."""
    child, scan = node.child, determined.scan
    places = {column: place for place, column in determined.places.items()}
    kept = [place for place in range(len(node.groups)) if determined.places.get(place) not in determined.dependents]
    groups = [node.groups[place] for place in kept]
    key_at: dict[int, int] = {}
    for column in determined.key:
        if column in places:
            key_at[column] = kept.index(places[column])
        else:
            child = exposed(child, determined.path, scan.columns.index(column))
            key_at[column] = len(groups)
            groups.append(ColumnRef(len(child.types) - 1, child.types[-1]))
    grouped = _grouped_by_keys(Aggregate(child, tuple(groups), node.aggregates), statistics)
    columns = (*determined.key, *determined.dependents)
    types = tuple(scan.types[scan.columns.index(column)] for column in columns)
    equal = tuple(
        JoinKey(ColumnRef(key_at[column], dtype), ColumnRef(i, dtype))
        for i, (column, dtype) in enumerate(zip(determined.key, types, strict=False))
    )
    joined = Join(grouped, live_rows(Scan(scan.table, columns, types), statistics), "left", equal)
    width = len(grouped.types)
    at = {place: kept.index(place) for place in kept}
    at |= {place: width + columns.index(column) for place, column in determined.places.items() if place not in at}
    order = [at[place] for place in range(len(node.groups))]
    order += range(len(groups), width)
    return Project(joined, tuple(ColumnRef(i, joined.types[i]) for i in order))


def exposed(node: Node, path: Sequence[int], position: int) -> Node:
    """``node`` with one more column at its end: column ``position`` of the scan that ``path`` leads to."""
    if not path:
        return Project(node, (*_columns(node), _columns(node)[position]))
    number, *rest = path
    inputs = list(inputs_of(node))
    inputs[number] = exposed(inputs[number], rest, position)
    added = ColumnRef(len(inputs[number].types) - 1, inputs[number].types[-1])
    match node:
        case Project(expressions=expressions):
            return Project(inputs[0], (*expressions, added))
        case Window(child):
            return _moved_last(with_inputs(node, inputs), len(child.types))
        case Join(left, _, _, _, residual) if number == 0:
            width = len(left.types)
            if residual is not None:
                places = {i: i + (i >= width) for i in range(width + len(node.right.types))}
                node = replace(node, residual=renumbered(residual, places))
            return _moved_last(with_inputs(node, inputs), width)
        case _:
            return with_inputs(node, inputs)


def _columns(node: Node) -> tuple[ColumnRef, ...]:
    return tuple(ColumnRef(i, dtype) for i, dtype in enumerate(node.types))


def _moved_last(node: Node, position: int) -> Node:
    columns = _columns(node)
    if position == len(columns) - 1:
        return node
    return Project(node, (*columns[:position], *columns[position + 1 :], columns[position]))
