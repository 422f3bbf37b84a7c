"""Grouping sets out of finer ones: ROLLUP (a, b) groups the rows once, by a and b, and the groups by a out of these.

Of counts, sums of exact numbers, averages of these, minima and maxima, a coarser group is what its finer groups give
together (Gray et al., "Data cube: a relational aggregation operator", 1997). Each set is made of the smallest that has
all of its keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from locality.errors import Unsupported
from locality.plan.expressions import AggregateCall, ColumnRef
from locality.plan.nodes import (
    Aggregate,
    Node,
    Project,
    Shared,
    SharedScan,
    Union,
    inputs_of,
    walk_nodes,
    with_inputs,
)
from locality.plan.rollups import AVERAGE_OF_PARTS, COUNT_OF_PARTS, partials_of
from locality.types import Domain

_COUNTS = frozenset({"count", "count_star"})
#: Types of keys of which values that are equal are the same.
PLAIN = (Domain.INTEGER, Domain.STRING)


def regroup_sets(root: Node) -> Node:
    """The plan in which grouping sets of the same rows read finer ones; its output columns stay as they are."""
    taken = (node.number for node in walk_nodes(root) if isinstance(node, Shared))
    return _regrouped(root, count(max(taken, default=-1) + 1))


def _regrouped(root: Node, numbers: Iterator[int]) -> Node:
    node = with_inputs(root, [_regrouped(child, numbers) for child in inputs_of(root)])
    if not isinstance(node, Union):
        return node
    sets = [each for position, child in enumerate(node.inputs) if (each := _set_of(position, child)) is not None]
    rows = {each.rows.number for each in sets}
    if len(sets) < 2 or len(rows) > 1 or any(each.node.aggregates != sets[0].node.aggregates for each in sets):
        return node
    try:
        return _chained(node, sorted(sets, key=lambda each: -len(each.node.groups)), numbers)
    except Unsupported:
        return node


@dataclass(frozen=True, eq=False)
class _Set:
    """One of the inputs of a union: ``output`` over the groups of shared ``rows``."""

    position: int
    output: Project
    node: Aggregate
    rows: SharedScan


def _set_of(position: int, child: Node) -> _Set | None:
    match child:
        case Project(Aggregate(SharedScan() as rows, groups) as node) if all(
            group.type.domain in PLAIN for group in groups
        ):
            return _Set(position, child, node, rows)
        case _:
            return None


def _chained(union: Union, sets: Sequence[_Set], numbers: Iterator[int]) -> Node:
    """``sets``, those of most keys first, each out of the last before it that has its keys.

    Raises Unsupported for aggregates that can't be made of parts.
    """
    finer = {each: _finer(each, sets[:place]) for place, each in enumerate(sets)}
    read = {each: next(numbers) for each in sets if each in finer.values()}
    if not read:
        return union
    parts = _Parts(sets[0].node.aggregates)
    inputs = list(union.inputs)
    definitions: list[tuple[int, Node]] = []
    for each in sets:
        source = finer[each]
        grouped: Node = (
            parts.of_rows(each.node) if source is None else parts.of_groups(each.node, source.node, read[source])
        )
        if each in read:
            definitions.append((read[each], grouped))
            grouped = SharedScan(read[each], grouped.types)
        inputs[each.position] = replace(each.output, child=grouped)
    body: Node = Union(tuple(inputs))
    for number, definition in reversed(definitions):
        body = Shared(definition, body, number)
    return body


def _finer(each: _Set, before: Sequence[_Set]) -> _Set | None:
    """The last of the sets, which come by their numbers of keys, that has all keys of another."""
    keys = set(each.node.groups)
    return next((other for other in reversed(before) if keys.issubset(other.node.groups)), None)


class _Parts:
    """Aggregates, then what is kept for coarser groups to make them of; raises Unsupported where nothing can be."""

    def __init__(self, calls: tuple[AggregateCall, ...]) -> None:
        self._calls = calls
        self._of_call = parts_of(calls)
        self._kept = tuple(dict.fromkeys(part for parts in self._of_call for part in parts))

    def of_rows(self, node: Aggregate) -> Aggregate:
        """The groups of rows."""
        return replace(node, aggregates=(*self._calls, *self._kept))

    def of_groups(self, node: Aggregate, finer: Aggregate, number: int) -> Aggregate:
        """The groups of finer ones, which are read by ``number``."""
        first = len(finer.groups) + len(self._calls)
        columns = {part: ColumnRef(first + i, part.type) for i, part in enumerate(self._kept)}
        calls = [
            again(call, [columns[part] for part in parts])
            for call, parts in zip(self._calls, self._of_call, strict=True)
        ]
        kept = [again(part, [columns[part]]) for part in self._kept]
        groups = tuple(ColumnRef(finer.groups.index(group), group.type) for group in node.groups)
        types = (*(group.type for group in finer.groups), *(c.type for c in (*self._calls, *self._kept)))
        return Aggregate(SharedScan(number, types), groups, (*calls, *kept))


def parts_of(calls: Sequence[AggregateCall]) -> list[tuple[AggregateCall, ...]]:
    """The aggregates of some of the rows that each call can be put together from; raises Unsupported if one can't."""
    return [
        tuple(replace(part, filter=call.filter) for part in partials_of(replace(call, filter=None))) for call in calls
    ]


def again(call: AggregateCall, parts: Sequence[ColumnRef]) -> AggregateCall:
    """An aggregate of parts."""
    name = AVERAGE_OF_PARTS if len(parts) > 1 else COUNT_OF_PARTS if call.name in _COUNTS else call.name
    return AggregateCall(name, tuple(parts), call.type)
