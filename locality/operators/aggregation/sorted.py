"""Aggregation by sorting: for functions that need a group's rows side by side, where kernels keep no state for them.

A group is then a window's partition, and an aggregate what a window function gives for any of its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from locality.encodings import EncodedColumn, concat, take
from locality.errors import Unsupported
from locality.operators.aggregation.quantiles import continuous_quantile, discrete_quantile
from locality.operators.codegen.results import float_column, integer_column
from locality.operators.ordering.order import SORT_BYTES, in_turn
from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.relations.batch import Batch
from locality.operators.windows.inputs import Input, Numbers, columns_at
from locality.operators.windows.ordered import Ordered, put_in_order
from locality.operators.windows.totals import counted_rows
from locality.operators.windows.window import IDEMPOTENT, window_column
from locality.plan.expressions import AggregateCall, ColumnRef
from locality.plan.windows import Bound, Frame, WindowCall
from locality.types import DataType

_WHOLE = Frame("range", Bound("unbounded preceding"), Bound("unbounded following"))
_COUNTS = frozenset({"count", "count_star"})


@dataclass(frozen=True, eq=False)
class SortedAggregate:
    """The groups of the child's rows, all of whose columns are read by ``groups`` and ``calls``."""

    child: Physical
    groups: Sequence[ColumnRef]
    calls: Sequence[AggregateCall]

    def __post_init__(self) -> None:
        for call in self.calls:
            if call.distinct and call.name not in IDEMPOTENT:
                raise Unsupported(f"{call.name}(DISTINCT ...) beside other aggregates")
            if call.name not in SORTED_AGGREGATES:
                raise Unsupported(f"aggregate {call.name}")

    @property
    def types(self) -> tuple[DataType, ...]:
        return (*(group.type for group in self.groups), *(call.type for call in self.calls))

    def execute(self, execution: Execution) -> Batch:
        batch = self.child.execute(execution)
        with execution.measure("aggregate") as traffic:
            traffic.add_reads(batch.reads())
            if batch.row_count == 0:
                columns = self._of_no_rows()
            else:
                execution.reserve((SORT_BYTES + 10) * batch.row_count, "the order of an aggregation")
                read = columns_at(batch, range(len(batch.columns)), execution.run)
                ordered = put_in_order(batch.row_count, [read[group.index] for group in self.groups], [], execution.run)
                traffic.state += 2 * ordered.nbytes
                first = ordered.order[ordered.partitions.begins]
                columns = [take(read[group.index], first) for group in self.groups]
                columns += self._results(read, ordered, execution)
            traffic.rows = columns[0].length
        intervals = [batch.intervals[group.index] for group in self.groups]
        return Batch(tuple(columns), columns[0].length, (*intervals, *(None for _ in self.calls)))

    def _results(
        self, columns: Mapping[int, EncodedColumn], ordered: Ordered, execution: Execution
    ) -> list[EncodedColumn]:
        """The values of every call, a group each, computed of several shards of groups side by side."""
        shards = ordered.shards()
        run = execution.run if len(shards) == 1 else in_turn
        parts: list[list[EncodedColumn]] = [[] for _ in shards]

        def compute(worker: int, number: int) -> None:
            source = Input(columns, shards[number], run)
            parts[number] = [SORTED_AGGREGATES[call.name](source, call) for call in self.calls]

        execution.run(range(len(shards)), compute)
        return [concat(list(results)) for results in zip(*parts, strict=True)]

    def _of_no_rows(self) -> list[EncodedColumn]:
        """No group; without keys one, in which all is NULL but counts."""
        rows = 0 if self.groups else 1
        return [
            EncodedColumn(dtype, "constant", rows, all_null=name not in _COUNTS)
            for dtype, name in zip(self.types, (*("" for _ in self.groups), *(c.name for c in self.calls)), strict=True)
        ]

    def explain(self) -> Explanation:
        names = ", ".join(call.name for call in self.calls)
        details = (f"by sorting, groups of {len(self.groups)} keys", names)
        return Explanation("aggregate", details, (self.child.explain(),))


#: An aggregate of every group, given the sorted rows.
_Aggregate = Callable[[Input, AggregateCall], EncodedColumn]


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
    **dict.fromkeys(("count", "count_star", "sum", "sum_no_overflow", "avg", "min", "max"), _by_window),
    **dict.fromkeys(
        ("bool_and", "bool_or", "first", "last", "any_value", "arg_min", "arg_max", "count_if"), _by_window
    ),
    "bit_and": _folded(np.bitwise_and, -1),
    "bit_or": _folded(np.bitwise_or, 0),
    "bit_xor": _folded(np.bitwise_xor, 0),
    "product": _folded(np.multiply, 1),
    "median": continuous_quantile,
    "quantile_cont": continuous_quantile,
    "quantile_disc": discrete_quantile,
}
"""The aggregates of sorted groups, by DuckDB's name."""
