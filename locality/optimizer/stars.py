"""Aggregations of joins whose rows of one table come from a rollup of it: all rows of a group find the same matches.

``select c.continent, sum(e.amount) from events e join countries c on e.country = c.code group by c.continent`` joins
the groups of a rollup of events by country instead of the events: a group stands for as many rows of the join as its
rows would have made, and what is stored of them is aggregated again. What is read of the table, keys and conditions
among it, must be told by the rollup's groups; columns of the other tables are as if they were told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from locality.errors import Unsupported
from locality.optimizer.deleted import leave_out_deleted
from locality.optimizer.derive import Groups
from locality.optimizer.implications import implies
from locality.optimizer.parts import OTHERS, aggregated_again
from locality.optimizer.statistics import Statistics
from locality.plan.columns import renumbered, substituted
from locality.plan.expressions import AggregateCall, ColumnRef, Expression, columns_of, conjunction, conjuncts
from locality.plan.nodes import Aggregate, Filter, Join, Node, Project, Scan
from locality.plan.rollups import Grouping, Rollup, canonical, tests_live
from locality.plan.virtual import ROW_ID

#: Joins that keep, drop or repeat a left row by what the row has in it alone.
_BY_LEFT = frozenset({"inner", "left", "semi", "anti"})
_SIDES = frozenset({"inner", "left"})


@dataclass(frozen=True)
class MixedGroups(Groups):
    """The groups of a rollup, and the columns of other tables."""

    def told(self, expression: Expression) -> Expression | None:
        if isinstance(expression, ColumnRef) and OTHERS <= expression.index < ROW_ID:
            return expression
        return super().told(expression)


@dataclass(frozen=True)
class _Step:
    """A filter or join above the rollup's table. Expressions are over the table's and the others' numbered columns.

    terms: of a filter, or the residual of a join. keys: of a join, the table's side of each. first: the number of the
    first column of a join's other side. is_left: whether the table is on the left.
    """

    node: Filter | Join
    terms: tuple[Expression, ...] = ()
    keys: tuple[Expression, ...] = ()
    first: int = 0
    is_left: bool = True


@dataclass(frozen=True)
class Star:
    """An aggregation of joins, as seen from one of the stored tables.

    rows: the table's rows, under the conditions directly above it. steps: what lies between, from there on up.
    """

    rows: Scan | Filter
    query: Grouping
    steps: tuple[_Step, ...]


def stars_of(node: Aggregate) -> Iterator[Star]:
    """The aggregation as seen from each of the tables that it can be seen from."""
    for path in _paths(node.child):
        if any(isinstance(each, Join) for each in path):
            yield _star(node, path)


def _paths(node: Node) -> Iterator[tuple[Node, ...]]:
    """Ways down to stored tables, over which all that becomes of a row depends on the row's own values."""
    match node:
        case Scan():
            yield (node,)
        case Filter(child) | Project(child):
            yield from ((node, *path) for path in _paths(child))
        case Join(left, right, kind) if kind in _BY_LEFT:
            yield from ((node, *path) for path in _paths(left))
            if kind == "inner":
                yield from ((node, *path) for path in _paths(right))
        case _:
            pass


def _star(node: Aggregate, path: Sequence[Node]) -> Star:
    *above, scan = path
    assert isinstance(scan, Scan)
    outputs: list[Expression] = [ColumnRef(c, dtype) for c, dtype in zip(scan.columns, scan.types, strict=True)]
    steps: list[_Step] = []
    below: Node = scan
    free = OTHERS
    for each in reversed(above):
        match each:
            case Project(_, expressions):
                outputs = [canonical(substituted(e, outputs)) for e in expressions]
            case Filter(_, predicate):
                steps.append(_Step(each, tuple(_over(outputs, conjuncts(predicate)))))
            case Join(left):
                is_left = left is below
                other = each.right if is_left else left
                others = [ColumnRef(free + i, dtype) for i, dtype in enumerate(other.types)]
                keys = [key.left if is_left else key.right for key in each.keys]
                pairs = [*outputs, *others] if is_left else [*others, *outputs]
                residual = [] if each.residual is None else [each.residual]
                steps.append(_Step(each, tuple(_over(pairs, residual)), tuple(_over(outputs, keys)), free, is_left))
                outputs = pairs if each.kind in _SIDES else outputs
                free += len(others)
        below = each
    calls = tuple(call.mapped(lambda e: canonical(substituted(e, outputs))) for call in node.aggregates)
    terms = tuple(term for step in steps if isinstance(step.node, Filter) for term in step.terms)
    rows = path[-2] if len(path) > 1 and isinstance(path[-2], Filter) else scan
    assert isinstance(rows, Scan | Filter)
    return Star(rows, Grouping(scan.table, terms, tuple(_over(outputs, node.groups)), calls), tuple(steps))


def _over(outputs: Sequence[Expression], expressions: Sequence[Expression]) -> list[Expression]:
    return [canonical(substituted(e, outputs)) for e in expressions]


def joined_rollup(
    star: Star, rollup: Rollup, statistics: Statistics, others: Callable[[Node], Node]
) -> tuple[Node, Scan | Filter]:
    """The aggregation over the rollup, and the rollup's rows in it; raises Unsupported where it can't be.

    others: gives the plan of what is joined.
    """
    groups = MixedGroups(rollup.grouping.groups, statistics.peek)
    if not all(implies(star.query.terms, term, statistics.peek) for term in rollup.grouping.terms):
        raise Unsupported("rows that the rollup does not have")
    again = aggregated_again(star.query, rollup, statistics, groups)
    steps = [_told_step(step, groups, rollup) for step in star.steps]
    stored = {call: len(groups.groups) + i for i, call in enumerate(rollup.grouping.aggregates)}
    outputs = [
        ColumnRef(stored[column], column.type) if isinstance(column, AggregateCall) else _told(column, groups)
        for column in again.columns
    ]
    read = [*outputs, *(e for step in steps for e in (*step.terms, *step.keys))]
    used = sorted(c for c in frozenset[int]().union(*map(columns_of, read)) if c < OTHERS)
    places = {column: place for place, column in enumerate(used)}
    types = rollup.grouping.types
    rows: Node = Scan(rollup.stored, tuple(used), tuple(types[column] for column in used))
    if steps and isinstance(steps[0].node, Filter):
        rows, places = _above(rows, steps.pop(0), places, others)
    assert isinstance(rows, Scan | Filter)
    bottom, rows = rows, leave_out_deleted(rows, statistics)
    for step in steps:
        rows, places = _above(rows, step, places, others)
    return again.over(Project(rows, tuple(renumbered(output, places) for output in outputs))), bottom


def _told_step(step: _Step, groups: Groups, rollup: Rollup) -> _Step:
    """The step over the rollup's columns."""
    known = rollup.grouping.terms if isinstance(step.node, Filter) else ()
    terms = tuple(_told(term, groups) for term in step.terms if term not in known and not tests_live(term))
    return replace(step, terms=terms, keys=tuple(_told(key, groups) for key in step.keys))


def _told(expression: Expression, groups: Groups) -> Expression:
    found = groups.told(expression)
    if found is None:
        raise Unsupported("a value that the groups do not tell")
    return found


def _above(
    rows: Node, step: _Step, places: Mapping[int, int], others: Callable[[Node], Node]
) -> tuple[Node, dict[int, int]]:
    """A step above ``rows``, in which columns lie at ``places``; and where they lie above it."""
    if isinstance(step.node, Filter):
        terms = [renumbered(term, places) for term in step.terms]
        return (Filter(rows, conjunction(terms)) if terms else rows), dict(places)
    join = step.node
    keys = [renumbered(key, places) for key in step.keys]
    if step.is_left:
        width = len(rows.types)
        after = dict(places) | {step.first + i: width + i for i in range(len(join.right.types))}
        named = tuple(replace(key, left=mine) for key, mine in zip(join.keys, keys, strict=True))
        left, right = rows, others(join.right)
    else:
        width = len(join.left.types)
        after = {column: width + place for column, place in places.items()}
        after |= {step.first + i: i for i in range(width)}
        named = tuple(replace(key, right=mine) for key, mine in zip(join.keys, keys, strict=True))
        left, right = others(join.left), rows
    residual = conjunction([renumbered(term, after) for term in step.terms]) if step.terms else None
    return replace(join, left=left, right=right, keys=named, residual=residual), after
