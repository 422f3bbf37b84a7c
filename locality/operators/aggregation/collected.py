"""Aggregation of rows that are collected first, where kernels lack a function: the physical operator."""

from __future__ import annotations

from dataclasses import dataclass, field

from locality.operators.aggregation.aggregate import KeptAggregation, aggregate_collected, aggregate_inputs
from locality.operators.aggregation.inputs import Inputs
from locality.operators.aggregation.sorted import aggregate_sorted, check_calls
from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.relations.batch import Batch
from locality.plan.expressions import AggregateCall, ColumnRef
from locality.types import DataType


@dataclass(frozen=True, eq=False)
class CollectedAggregate:
    """The groups of the child's rows, all of whose columns are read by ``groups`` and ``calls``.

    by_sorting: at once; else only if kernels can't read the values.
    """

    child: Physical
    groups: tuple[ColumnRef, ...]
    calls: tuple[AggregateCall, ...]
    by_sorting: bool
    _kept: KeptAggregation = field(init=False, default_factory=KeptAggregation)

    def __post_init__(self) -> None:
        check_calls(self.calls)

    @property
    def types(self) -> tuple[DataType, ...]:
        return (*(group.type for group in self.groups), *(call.type for call in self.calls))

    def execute(self, execution: Execution) -> Batch:
        batch = self.child.execute(execution)
        with execution.measure("aggregate") as traffic:
            traffic.add_reads(batch.reads())
            inputs = Inputs(tuple(map(ColumnRef, range(len(batch.columns)), self.child.types)), self.groups, self.calls)
            if self.by_sorting:
                groups = aggregate_sorted(batch, inputs, execution, traffic, aggregate_inputs)
            else:
                groups = aggregate_collected(batch, inputs, execution, traffic, self._kept)
            traffic.rows = groups.row_count
            return groups

    def explain(self) -> Explanation:
        names = ", ".join(call.name for call in self.calls)
        details = (f"by {'sorting' if self.by_sorting else 'numbers'}, groups of {len(self.groups)} keys", names)
        return Explanation("aggregate", details, (self.child.explain(),))
