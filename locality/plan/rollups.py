"""What a rollup holds: the groups of a table's rows, and for each group aggregates that can be put together again.

The same group may come several times, once for each time that rows were added: queries aggregate its rows again. So
only aggregates are kept of which that gives exactly what the rows would have: counts, sums of integers and decimals,
minima, maxima, and conjunctions and disjunctions. An average is a sum and a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from locality.errors import Unsupported
from locality.plan.columns import renumbered, substituted
from locality.plan.expressions import (
    AggregateCall,
    Call,
    ColumnRef,
    Constant,
    Expression,
    children,
    conjunction,
    conjuncts,
    rewrite,
    walk,
)
from locality.plan.functions.date_trunc import period_of
from locality.plan.nodes import Aggregate, Filter, Project, Scan
from locality.plan.virtual import LIVE, ROW_ID
from locality.types import BIGINT, VARCHAR, DataType, Domain, decimal

#: The aggregate of an exact sum and a count that is their quotient as ``avg`` has it.
AVERAGE_OF_PARTS = "average of parts"

#: The aggregate of counts that is their sum, 0 of none.
COUNT_OF_PARTS = "count of parts"
#: How many rows each group has, which every rollup keeps.
COUNT_STAR = AggregateCall("count_star", (), BIGINT)

#: Aggregates that put two of their own results together.
_IDEMPOTENT = frozenset({"min", "max", "bool_and", "bool_or"})
_SUMS = frozenset({"sum", "sum_no_overflow"})
_AVERAGES = frozenset({"avg", "mean"})
_TRUNCATIONS = frozenset({"date_trunc", "datetrunc"})
_ZONED = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True)
class Grouping:
    """An aggregation of one table's rows: those for which all ``terms`` are true, by ``groups``.

    Expressions are over the table's columns, by position, in the form of :func:`canonical`.
    """

    table: str
    terms: tuple[Expression, ...]
    groups: tuple[Expression, ...]
    aggregates: tuple[AggregateCall, ...]

    @cached_property
    def scan(self) -> Scan:
        """The columns that are read, in the table's order."""
        calls = (e for call in self.aggregates for e in call.expressions())
        parts = (part for whole in (*self.terms, *self.groups, *calls) for part in walk(whole))
        types = {part.index: part.type for part in parts if isinstance(part, ColumnRef)}
        columns = tuple(sorted(types))
        return Scan(self.table, columns, tuple(types[column] for column in columns))

    @property
    def plan(self) -> Aggregate:
        """The aggregation as a plan. Output: groups, then aggregates."""
        places = {column: place for place, column in enumerate(self.scan.columns)}

        def over_scan(expression: Expression) -> Expression:
            return renumbered(expression, places)

        terms = [over_scan(term) for term in self.terms]
        rows = Filter(self.scan, conjunction(terms)) if terms else self.scan
        return Aggregate(rows, tuple(map(over_scan, self.groups)), tuple(c.mapped(over_scan) for c in self.aggregates))

    @property
    def types(self) -> tuple[DataType, ...]:
        """Of the groups, then of the aggregates."""
        return tuple(part.type for part in (*self.groups, *self.aggregates))


@dataclass(frozen=True)
class Rollup:
    """A stored aggregation: a table of its own, whose columns are ``grouping``'s groups and then its aggregates.

    name: the user's. stored: the name by which scans find the table; no table of a user has such a name.
    """

    name: str
    stored: str
    grouping: Grouping


def grouping_of(node: Aggregate) -> Grouping | None:
    """What an aggregation says if it is one of a stored table's rows that are there, some of them maybe; else None."""
    terms: list[Expression] = []
    groups, calls = node.groups, node.aggregates
    child = node.child
    while not isinstance(child, Scan):
        match child:
            case Project(below, outputs):
                terms, groups, calls = _below(terms, groups, calls, outputs)
            case Filter(below, predicate):
                terms = [*conjuncts(predicate), *terms]
            case _:
                return None
        child = below
    columns = [ColumnRef(column, dtype) for column, dtype in zip(child.columns, child.types, strict=True)]
    terms, groups, calls = _below(terms, groups, calls, columns)
    found = Grouping(
        child.table,
        tuple(dict.fromkeys(canonical(term) for term in terms if not tests_live(term))),
        tuple(map(canonical, groups)),
        tuple(call.mapped(canonical) for call in calls),
    )
    return None if {ROW_ID, LIVE}.intersection(found.scan.columns) else found


def partials_of(call: AggregateCall) -> tuple[AggregateCall, ...]:
    """What a rollup keeps for an aggregate; raises Unsupported for one that can't be put together exactly."""
    if call.distinct or call.filter is not None or call.keys:
        raise Unsupported(f"{call.name} with DISTINCT, FILTER or ORDER BY")
    match call:
        case AggregateCall("count_star" | "count"):
            return (call,)
        case AggregateCall(name, (arg,)) if name in _IDEMPOTENT and arg.type.domain not in (Domain.WIDE, Domain.NESTED):
            return (call,)
        case AggregateCall(name, (arg,)) if name in _SUMS and is_exact(arg.type):
            return (_sum(arg),)
        case AggregateCall(name, (arg,)) if name in _AVERAGES and is_exact(arg.type):
            return _sum(arg), AggregateCall("count", (arg,), BIGINT)
        case _:
            types = ", ".join(str(arg.type) for arg in call.args)
            raise Unsupported(f"{call.name} of {types}, which can't be put together exactly from parts")


def kept(grouping: Grouping) -> Grouping:
    """The grouping whose aggregates a rollup keeps for those of ``grouping``; raises Unsupported if it can't be one."""
    calls = dict.fromkeys([*(part for call in grouping.aggregates for part in partials_of(call)), COUNT_STAR])
    for group in grouping.groups:
        if group.type.domain not in (Domain.INTEGER, Domain.STRING):
            raise Unsupported(f"groups by {group.type}: values that are equal there may still differ")
    arguments = (argument for call in calls for argument in call.args)
    for expression in (e for whole in (*grouping.terms, *grouping.groups, *arguments) for e in walk(whole)):
        if any(part.type.name == _ZONED for part in (expression, *children(expression)) if children(expression)):
            raise Unsupported("what depends on the session's time zone")
    return Grouping(grouping.table, grouping.terms, tuple(dict.fromkeys(grouping.groups)), tuple(calls))


def is_exact(dtype: DataType) -> bool:
    """Whether sums of the type are the same in any order."""
    return dtype.is_integral or dtype.is_decimal or dtype.name == "BOOLEAN"


def canonical(expression: Expression) -> Expression:
    """The expression with one spelling for what has several."""

    def spelled(part: Expression) -> Expression:
        match part:
            case Call(name, (Constant() as period, argument), dtype) if name in _TRUNCATIONS:
                try:
                    return Call("date_trunc", (Constant(period_of(period), VARCHAR), argument), dtype)
                except Unsupported:
                    return part
            case _:
                return part

    return rewrite(expression, spelled)


def _sum(argument: Expression) -> AggregateCall:
    """A sum as it is kept: a decimal, which takes as few bytes as its values need, where SQL says HUGEINT."""
    return AggregateCall("sum", (argument,), decimal(38, argument.type.scale))


def _below(
    terms: Sequence[Expression],
    groups: Sequence[Expression],
    calls: Sequence[AggregateCall],
    outputs: Sequence[Expression],
) -> tuple[list[Expression], tuple[Expression, ...], tuple[AggregateCall, ...]]:
    """What is said of a projection's columns, said of its input's."""

    def over(expression: Expression) -> Expression:
        return substituted(expression, outputs)

    return list(map(over, terms)), tuple(map(over, groups)), tuple(call.mapped(over) for call in calls)


def tests_live(term: Expression) -> bool:
    """Whether a term leaves out deleted rows; its columns are positions in the table."""
    match term:
        case Call("is not null", (ColumnRef(index),)):
            return index == LIVE
        case _:
            return False
