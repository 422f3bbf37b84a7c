"""Aggregations of a table's rows answered from a rollup, which has fewer: its rows are aggregated again.

A query may be when its conditions and groups can be told from the rollup's groups (:mod:`locality.optimizer.derive`),
and its aggregates put together from the stored ones. Where a range of time begins or ends within a period of the
rollup, the rows of that period are aggregated themselves, and put together with the groups of the periods between.
(Gupta, Harinarayan and Quass, "Aggregate-query processing in data warehousing environments", VLDB 1995; Goldstein and
Larson, "Optimizing queries using materialized views", SIGMOD 2001.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from locality.errors import Unsupported
from locality.optimizer.deleted import leave_out_deleted
from locality.optimizer.derive import Bound, Cell, Groups, LiesIn, Peek, bound_of
from locality.optimizer.implications import implies
from locality.optimizer.parts import Again, aggregated_again
from locality.optimizer.periods import next_start, start_of
from locality.optimizer.stars import joined_rollup, stars_of
from locality.optimizer.statistics import Statistics
from locality.plan.columns import renumbered
from locality.plan.expressions import (
    AggregateCall,
    ColumnRef,
    Expression,
    columns_of,
    conjunction,
    conjuncts,
)
from locality.plan.nodes import Aggregate, Filter, Node, Project, Scan, Union, inputs_of, walk_nodes, with_inputs
from locality.plan.rollups import Grouping, Rollup, grouping_of

#: How many times less of a rollup must be read than of its table for the rollup to be joined in the table's place: of
#: tables it is known which rows they refer to.
_LESS = 4
#: Bytes of a rollup that are read sooner than it is asked, for each query's values, how many these leave of the table.
_SMALL = 1 << 22


def answer_from_rollups(root: Node, statistics: Statistics) -> Node:
    """The plan with every such aggregation over a rollup where that moves fewer bytes; its output columns stay."""
    scans = (node for node in walk_nodes(root) if isinstance(node, Scan))
    return _rewritten(root, statistics) if any(statistics.rollups(scan.table) for scan in scans) else root


def _rewritten(node: Node, statistics: Statistics) -> Node:
    found = _answer(node, statistics) if isinstance(node, Aggregate) else None
    if found is not None:
        return found
    return with_inputs(node, [_rewritten(child, statistics) for child in inputs_of(node)])


def _answer(node: Aggregate, statistics: Statistics) -> Node | None:
    """The aggregation over the least of the rollups that tell it; None if that moves no fewer bytes than the table."""
    query = grouping_of(node)
    if query is None:
        return _joined(node, statistics)
    table = query.plan.child
    choices: list[tuple[float, int, Again, list[Node], float]] = []
    for rollup in statistics.rollups(query.table):
        try:
            again = aggregated_again(query, rollup, statistics, Groups(rollup.grouping.groups, statistics.peek))
            sources = _sources(query, rollup, again, statistics.peek)
            _check_widths(sources[0], statistics)
        except Unsupported:
            continue
        ends = sum(_bytes(source, statistics) for source in sources[1:])
        choices.append((ends + _bytes(sources[0], statistics, whole=True), len(choices), again, sources, ends))
    if not choices:
        return None
    whole, _, again, (first, *others), ends = min(choices)
    is_small = whole <= _SMALL and whole < _bytes(table, statistics, whole=True)
    if not is_small and ends + _bytes(first, statistics) >= _bytes(table, statistics):
        return None
    rows = tuple(leave_out_deleted(each, statistics) for each in (first, *others))
    return again.over(rows[0] if len(rows) == 1 else Union(rows))


def _joined(node: Aggregate, statistics: Statistics) -> Node | None:
    """The aggregation of joins over the rollup that saves the most bytes; None if none saves enough."""
    best, most = None, 0.0
    for star in stars_of(node):
        for rollup in statistics.rollups(star.query.table):
            try:
                plan, rows = joined_rollup(star, rollup, statistics, lambda other: _rewritten(other, statistics))
                _check_widths(rows, statistics)
            except Unsupported:
                continue
            before, after = _bytes(star.rows, statistics), _bytes(rows, statistics)
            if after * _LESS < before and before - after > most:
                best, most = plan, before - after
    return best


def _bytes(rows: Node, statistics: Statistics, *, whole: bool = False) -> float:
    """What the scan below moves; or what it would without its conditions, which depends on no parameter's value."""
    terms: Sequence[Expression] = ()
    while not isinstance(rows, Scan):
        if isinstance(rows, Filter) and not whole:
            terms = conjuncts(rows.predicate)
        (rows,) = inputs_of(rows)
    return min(statistics.scan_bytes(replace(rows, layout=name), terms) for name in statistics.layouts(rows.table))


def _sources(query: Grouping, rollup: Rollup, again: Again, peek: Peek) -> list[Node]:
    """Where the parts come from: the rollup, and the table's rows at the ends of a range. Raises Unsupported."""
    groups = Groups(rollup.grouping.groups, peek)
    if not all(implies(query.terms, term, peek) for term in rollup.grouping.terms):
        raise Unsupported("rows that the rollup does not have")
    told: list[Expression] = []
    rough: list[Bound] = []
    for term in query.terms:
        found, bound = groups.told(term), bound_of(term)
        if found is not None:
            told.append(found)
        elif bound is not None and groups.cell_of(bound.moment) is not None:
            rough.append(bound)
        elif term not in rollup.grouping.terms:
            raise Unsupported("a condition that the groups do not tell")
    if not rough:
        return [_of_rollup(rollup, groups, told, again)]
    span = _span(rough, groups)
    terms = [*told, *(replace(bound, moment=span.cell.start).term for bound in span.middle)]
    ends = [_of_table(replace(query, terms=(*query.terms, end.term)), again) for end in span.ends]
    return [_of_rollup(rollup, groups, terms, again), *ends]


def _check_widths(rows: Node, statistics: Statistics) -> None:
    """Raises Unsupported where stored sums have grown beyond what kernels compute with."""
    for scan in (node for node in walk_nodes(rows) if isinstance(node, Scan)):
        if any(statistics.is_wide(scan.table, column) for column in scan.columns):
            raise Unsupported("sums of more than 64 bits")


@dataclass(frozen=True)
class _Span:
    """A range of moments: whole periods in the ``middle``, and what is left of it at one end or at both."""

    cell: Cell
    middle: tuple[Bound, ...]
    ends: tuple[Bound, ...]


def _span(bounds: Sequence[Bound], groups: Groups) -> _Span:
    """The range within some bounds on one moment; raises Unsupported if there is no whole period in it."""
    moment = bounds[0].moment
    cell = groups.cell_of(moment)
    sides = Counter(bound.is_lower for bound in bounds)
    if cell is None or any(bound.moment != moment for bound in bounds) or max(sides.values()) > 1:
        raise Unsupported("ranges of several moments")
    first = next((_start(bound, cell, groups) for bound in bounds if bound.is_lower), None)
    last = next((_start(bound, cell, groups) for bound in bounds if not bound.is_lower), None)
    first = None if first is None else next_start(first, moment.type, cell.period)
    if sides != Counter(each for each, start in ((True, first), (False, last)) if start is not None):
        raise Unsupported("periods that are not followed")
    if first is not None and last is not None and first >= last:
        raise Unsupported("a range without a whole period")
    after = () if first is None else (Bound.at(moment, ">=", first),)
    before = () if last is None else (Bound.at(moment, "<", last),)
    ends = (*(replace(each, name="<") for each in after), *(replace(each, name=">=") for each in before))
    return _Span(cell, (*after, *before), ends)


def _start(bound: Bound, cell: Cell, groups: Groups) -> int | None:
    """The start of the period that a bound lies in; the plan is for bounds in the same one."""
    start = start_of(bound.first(bound.constant.value), bound.moment.type, cell.period)
    return start if groups.peek(bound.constant, LiesIn(bound, cell.period, start)) else None


def _of_rollup(rollup: Rollup, groups: Groups, terms: Sequence[Expression], again: Again) -> Node:
    """The parts that are stored; ``terms`` are over the rollup's columns."""
    types = rollup.grouping.types
    outputs: list[Expression] = []
    for column in again.columns:
        if isinstance(column, AggregateCall):
            place = len(groups.groups) + rollup.grouping.aggregates.index(column)
            outputs.append(ColumnRef(place, column.type))
        else:
            outputs.append(_certain(groups.told(column)))
    used = tuple(sorted(frozenset[int]().union(*(columns_of(e) for e in (*terms, *outputs)))))
    places = {column: place for place, column in enumerate(used)}
    rows: Node = Scan(rollup.stored, used, tuple(types[column] for column in used))
    if terms:
        rows = Filter(rows, conjunction([renumbered(term, places) for term in terms]))
    return Project(rows, tuple(renumbered(output, places) for output in outputs))


def _of_table(rows: Grouping, again: Again) -> Node:
    """The same parts made of rows of the table."""
    groups = tuple(column for column in again.columns if not isinstance(column, AggregateCall))
    calls = tuple(column for column in again.columns if isinstance(column, AggregateCall))
    made = (*groups, *calls)
    outputs = (ColumnRef(made.index(column), column.type) for column in again.columns)
    return Project(replace(rows, groups=groups, aggregates=calls).plan, tuple(outputs))


def _certain(expression: Expression | None) -> Expression:
    assert expression is not None, "what a rollup was asked for is told"
    return expression
