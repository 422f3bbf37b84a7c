"""Aggregation by sorting: for functions that need a group's rows side by side, where kernels keep no state for them.

A group is then a window's partition, and an aggregate what a window function gives for any of its rows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from locality.encodings import EncodedColumn, concat, expand, take
from locality.errors import Unsupported
from locality.operators.aggregation.distinct import by_numbers, mark_distinct
from locality.operators.aggregation.foreign import FOREIGN, by_duckdb
from locality.operators.aggregation.inputs import Inputs
from locality.operators.aggregation.lists import ORDERED_AGGREGATES
from locality.operators.aggregation.quantiles import QUANTILES, median_distance, sorted_quantile
from locality.operators.aggregation.registry import is_known
from locality.operators.aggregation.selected import LargeGroups, finds, large_groups
from locality.operators.codegen.results import float_column, integer_column
from locality.operators.ordering.fields import fields_of
from locality.operators.ordering.order import SORT_BYTES
from locality.operators.physical import Execution, Traffic
from locality.operators.relations.batch import Batch
from locality.operators.relations.relation import Positions
from locality.operators.windows.inputs import Input, Numbers, by_shards, columns_at
from locality.operators.windows.ordered import Ordered, put_in_order
from locality.operators.windows.totals import counted_rows
from locality.operators.windows.window import window_column
from locality.plan.expressions import AggregateCall, ColumnRef
from locality.plan.intervals import Interval
from locality.plan.rollups import COUNT_OF_PARTS
from locality.plan.windows import Bound, Frame, WindowCall
from locality.types import BIGINT

_WHOLE = Frame("range", Bound("unbounded preceding"), Bound("unbounded following"))
_COUNTS = frozenset({"count", "count_star", "regr_count", "approx_count_distinct"})
#: What is 0 where there are no rows, not NULL.
_ZERO_OF_NONE = _COUNTS | {COUNT_OF_PARTS, "entropy"}


#: Aggregates collected rows by what kernels keep state for.
BySlots = Callable[[Batch, Inputs, Execution, Traffic], Batch]


def check_calls(calls: Sequence[AggregateCall]) -> None:
    """Raises Unsupported for functions that no group of sorted rows can be given to."""
    for call in calls:
        if call.name not in SORTED_AGGREGATES and not is_known(call):
            raise Unsupported(f"aggregate {call.name}")
        if call.keys and call.name not in ORDERED_AGGREGATES:
            raise Unsupported(f"ordered aggregate {call.name}")


def aggregate_sorted(batch: Batch, inputs: Inputs, execution: Execution, traffic: Traffic, by_slots: BySlots) -> Batch:
    """The groups of collected rows; ``by_slots`` for those calls that kernels keep state for."""
    check_calls(inputs.calls)
    columns = _of_rows(batch, inputs, execution, traffic, by_slots) if batch.row_count else _of_no_rows(inputs)
    intervals = [batch.intervals[group.index] for group in inputs.groups]
    return Batch(tuple(columns), columns[0].length, (*intervals, *(None for _ in inputs.calls)))


def _of_rows(
    batch: Batch, inputs: Inputs, execution: Execution, traffic: Traffic, by_slots: BySlots
) -> list[EncodedColumn]:
    """The groups' keys, then the values of every call."""
    batch, inputs = mark_distinct(batch, inputs, execution)
    execution.reserve((SORT_BYTES + 10) * batch.row_count, "the order of an aggregation")
    read = columns_at(batch, range(len(batch.columns)), execution.run)
    owners = [f for group in inputs.groups for f in fields_of(by_numbers(read[group.index]))]
    if any(map(finds, inputs.calls)) and all(finds(call) or is_known(call) for call in inputs.calls):
        with contextlib.suppress(Unsupported):  # types that only sorted groups are given to
            large = large_groups(batch, [group.index for group in inputs.groups], owners, execution)
            if large is not None:
                return _of_large_groups(batch, inputs, large, read, execution, traffic, by_slots)
    asked = _column_of_quantiles(inputs)
    within = [] if asked is None else fields_of(read[asked])
    ordered = replace(put_in_order(batch.row_count, owners, within, execution.run), sorted_by=asked)
    traffic.state += 2 * ordered.nbytes
    first = ordered.order[ordered.partitions.begins]
    results: dict[AggregateCall, EncodedColumn] = {}
    plain = [call for call in inputs.calls if call.name not in SORTED_AGGREGATES]
    if plain:
        numbers = np.empty(batch.row_count, np.int64)
        numbers[ordered.order] = ordered.partitions.number
        results = _by_slots(batch, numbers, len(first), plain, execution, traffic, by_slots)
    others = [call for call in inputs.calls if call.name in SORTED_AGGREGATES]
    results.update(zip(others, _results(others, read, ordered, execution), strict=True))
    return [*(take(read[group.index], first) for group in inputs.groups), *(results[c] for c in inputs.calls)]


def _of_large_groups(
    batch: Batch,
    inputs: Inputs,
    large: LargeGroups,
    read: Mapping[int, EncodedColumn],
    execution: Execution,
    traffic: Traffic,
    by_slots: BySlots,
) -> list[EncodedColumn]:
    """The same of large groups: quantiles are found without sorting, kernels keep state for all other calls."""
    traffic.state += 2 * large.numbers.nbytes
    results = {call: large.quantiles(read, call) for call in inputs.calls if finds(call)}
    if plain := [call for call in inputs.calls if call not in results]:
        numbers = large.numbers.astype(np.int64)
        results |= _by_slots(batch, numbers, len(large.first), plain, execution, traffic, by_slots)
    return [*(take(read[group.index], large.first) for group in inputs.groups), *(results[c] for c in inputs.calls)]


def _column_of_quantiles(inputs: Inputs) -> int | None:
    """The column whose quantiles are all that is asked of sorted groups: rows come in its order at once."""
    asked = [call for call in inputs.calls if call.name in SORTED_AGGREGATES and call.name not in _COUNTS]
    arguments = {call.args[0] for call in asked}
    if len(arguments) == 1 and all(call.name in QUANTILES or call.name == "mad" for call in asked):
        (argument,) = arguments
        return argument.index if isinstance(argument, ColumnRef) else None
    return None


def _of_no_rows(inputs: Inputs) -> list[EncodedColumn]:
    """No group; without keys one, in which all is NULL but counts."""
    rows = 0 if inputs.groups else 1
    names = (*("" for _ in inputs.groups), *(call.name for call in inputs.calls))
    types = (*(group.type for group in inputs.groups), *(call.type for call in inputs.calls))
    return [
        EncodedColumn(dtype, "constant", rows, all_null=name not in _ZERO_OF_NONE)
        for dtype, name in zip(types, names, strict=True)
    ]


def _results(
    calls: Sequence[AggregateCall], columns: Mapping[int, EncodedColumn], ordered: Ordered, execution: Execution
) -> list[EncodedColumn]:
    """The values of every call, a group each, computed of several shards of groups side by side."""
    parts = by_shards(
        columns, ordered.shards(), lambda source: [_of_groups(source, call) for call in calls], execution.run
    )
    return [concat(list(results)) for results in zip(*parts, strict=True)]


def _by_slots(
    batch: Batch,
    numbers: Positions,
    groups: int,
    calls: Sequence[AggregateCall],
    execution: Execution,
    traffic: Traffic,
    by_slots: BySlots,
) -> dict[AggregateCall, EncodedColumn]:
    """The calls that kernels keep state for, by the rows' numbers of their groups; values in the order of these."""
    key = ColumnRef(len(batch.columns), BIGINT)
    columns = (*batch.columns, integer_column(BIGINT, numbers, None))
    numbered = Batch(columns, batch.row_count, (*batch.intervals, Interval(0, groups - 1)))
    read = tuple(ColumnRef(i, column.type) for i, column in enumerate(columns))
    made = by_slots(numbered, Inputs(read, (key,), tuple(calls)), execution, traffic)
    found = expand(made.column(0)).codes
    assert found is not None
    order = np.argsort(found)
    return {call: take(made.column(i), order) for i, call in enumerate(calls, 1)}


#: An aggregate of every group, given the sorted rows.
_Aggregate = Callable[[Input, AggregateCall], EncodedColumn]


def _of_groups(source: Input, call: AggregateCall) -> EncodedColumn:
    """The aggregate's own function, or DuckDB's for types that it does not have."""
    try:
        return SORTED_AGGREGATES[call.name](source, call)
    except Unsupported:
        if call.name not in FOREIGN:
            raise
        return by_duckdb(source, call)


def _by_window(source: Input, call: AggregateCall) -> EncodedColumn:
    column = window_column(source, _as_window(call))
    return take(column, source.ordered.partitions.starts[:-1])


def _as_window(call: AggregateCall) -> WindowCall:
    return WindowCall(call.name, call.args, call.type, (), (), _WHOLE, call.filter)


def _folded(function: np.ufunc, neutral: int) -> _Aggregate:
    """What a ufunc makes of the values of each group; NULL where there are none."""

    def folded(source: Input, call: AggregateCall) -> EncodedColumn:
        counted = counted_rows(source, call.filter, call.args[0])
        values, _ = source.numbers(call.args[0])
        if call.type.is_float:
            values = values / 10 ** call.args[0].type.scale
        elif values.dtype.kind == "f" or call.args[0].type.is_decimal:
            raise Unsupported(f"{call.name} of {call.args[0].type}")
        results = _reduced(source, function, np.where(counted, values, np.array(neutral).astype(values.dtype)))
        there = _reduced(source, np.logical_or, counted)
        return (
            float_column(call.type, results, there) if call.type.is_float else integer_column(call.type, results, there)
        )

    return folded


def _reduced(source: Input, function: np.ufunc, values: Numbers) -> Numbers:
    reduced: Numbers = function.reduceat(values, source.ordered.partitions.starts[:-1])
    return reduced


SORTED_AGGREGATES: Mapping[str, _Aggregate] = {
    **dict.fromkeys(FOREIGN, by_duckdb),
    **dict.fromkeys(("count", "count_star", "sum", "sum_no_overflow", "avg", "min", "max"), _by_window),
    **dict.fromkeys(("bool_and", "bool_or", "last", "any_value", "arg_min", "arg_max", "count_if"), _by_window),
    "bit_and": _folded(np.bitwise_and, -1),
    "bit_or": _folded(np.bitwise_or, 0),
    "bit_xor": _folded(np.bitwise_xor, 0),
    "product": _folded(np.multiply, 1),
    **dict.fromkeys(QUANTILES, sorted_quantile),
    "mad": median_distance,
    **ORDERED_AGGREGATES,
}
"""The aggregates of sorted groups, by DuckDB's name."""
