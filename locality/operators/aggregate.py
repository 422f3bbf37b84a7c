"""Aggregation: all rows to one, or one row a group, by dense codes or by hashing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel.ir import Array, Scalar, Var
from locality.operators.accumulators import Slot, Slots, fresh, merge
from locality.operators.aggregates import Input, Planned, plan_aggregate
from locality.operators.batch import Batch
from locality.operators.block import Block, Row, materialise
from locality.operators.filter import plan_tests
from locality.operators.grouping import DenseGroups, existing, plan_dense
from locality.operators.lookup import introduce_lookups
from locality.operators.physical import Execution, Explanation, Traffic
from locality.operators.pipeline import Morsel, Pipeline
from locality.operators.probe import probe
from locality.operators.relation import Relation
from locality.operators.scan import describe_scan, run_pipeline
from locality.operators.source import Preparation, Source
from locality.plan.expressions import AggregateCall, Expression, walk
from locality.plan.functions.base import Value
from locality.types import DataType

AnyArray = npt.NDArray[Any]

#: Below this share of surviving rows, grouped updates run over positions instead of all rows.
_SELECT_BELOW = 0.25
#: State of a dense grouping may take as much as the rows themselves, but never more than this.
_MOST_STATE_BYTES = 256 << 20


@dataclass(frozen=True, eq=False)
class AggregateSink:
    """Adds every active row to the slots of its group; without ``groups`` there is one group, number 0.

    The last group is where rows go that a mask excludes, so that updates need no branch.
    """

    groups: DenseGroups | None
    slots: Slots

    @property
    def reads(self) -> Sequence[Expression]:
        keys = () if self.groups is None else tuple(key.expression for key in self.groups.keys)
        return (*keys, *(e for slot in self.slots for e in slot.reads))

    @property
    def state(self) -> Sequence[Array]:
        return (Array(Scalar.I64, 2), Array(Scalar.F64, 2))

    @property
    def rows(self) -> int:
        """Groups in the state."""
        return 1 if self.groups is None else self.groups.count + 1

    @property
    def state_bytes(self) -> int:
        return self.rows * 8 * (len(self.slots.integers) + len(self.slots.floats))

    def prefers_selection(self, selectivity: float) -> bool:
        return self.groups is not None and selectivity < _SELECT_BELOW

    def fresh_state(self) -> tuple[AnyArray, AnyArray]:
        """State without any row."""
        return fresh(self.slots.integers, self.rows, np.int64), fresh(self.slots.floats, self.rows, np.float64)

    def emit(self, block: Block, state: Sequence[Var]) -> None:
        integers, floats = state
        if self.groups is None:
            for position, slot in enumerate(self.slots.integers):
                self._emit_reduction(block, slot, integers, position)
            for position, slot in enumerate(self.slots.floats):
                self._emit_float_sum(block, slot, floats, position)
        else:
            self._emit_grouped(block, self.groups, integers, floats)

    def _emit_reduction(self, block: Block, slot: Slot, cells: Var, position: int) -> None:
        """One vectorised loop that reduces a block to one value."""
        total = block.builder.assign(b.const(slot.identity, Scalar.I64), "total")
        with block.rows(slot.reads) as row:
            contribution = slot.emit(row)
            combine = b.add if slot.op == "+" else b.minimum if slot.op == "min" else b.maximum
            block.builder.set(total, combine(total, contribution))
        block.builder.update(slot.op, cells, (b.const_i64(0), b.const_i64(position)), total)

    def _emit_float_sum(self, block: Block, slot: Slot, cells: Var, position: int) -> None:
        """Floats are added in a fixed interleaved order, so that equal data has an equal sum."""
        values, mask = block.local(Scalar.F64), block.local(Scalar.BOOL)
        with block.rows(slot.reads) as row:
            block.builder.store(values, row.index, slot.emit(row))
            block.builder.store(mask, row.index, b.const(True, Scalar.BOOL))
        total = b.call("sum_where", values, mask, block.count)
        block.builder.update("+", cells, (b.const_i64(0), b.const_i64(position)), total)

    def _emit_grouped(self, block: Block, groups: DenseGroups, integers: Var, floats: Var) -> None:
        keys = [key.expression for key in groups.keys]
        arguments = [e for slot in self.slots for e in slot.reads]
        if block.selection is not None:
            with block.rows([*keys, *arguments]) as row:
                self._update(row, groups.emit(row), integers, floats)
            return
        numbers = block.local(Scalar.I64)
        with block.rows(keys) as row:
            number = groups.emit(row)
            if row.active is not None:
                number = b.select(row.active, number, row.integer(groups.count))
            block.builder.store(numbers, row.index, number)
        for argument in sorted(set(arguments), key=_size):
            materialise(block, argument)
        with block.rows(arguments) as row:
            unmasked = Row(block, row.index, None, row.ordinal)
            self._update(unmasked, b.load(numbers, row.index), integers, floats)

    def _update(self, row: Row, number: Any, integers: Var, floats: Var) -> None:
        group = row.block.builder.assign(number, "group")
        for cells, slots in ((integers, self.slots.integers), (floats, self.slots.floats)):
            for position, slot in enumerate(slots):
                contribution = slot.emit(row)
                row.block.builder.update(slot.op, cells, (group, b.const_i64(position)), contribution)


def _size(expression: Expression) -> int:
    return sum(1 for _ in walk(expression))


class Aggregation:
    """An aggregation over one relation, prepared to run."""

    def __init__(
        self,
        relation: Relation,
        conjuncts: Sequence[Expression],
        groups: Sequence[Expression],
        aggregates: Sequence[AggregateCall],
        threads: int,
    ) -> None:
        self.relation = relation
        self.group_expressions = [introduce_lookups(group, relation) for group in groups]
        calls = [_with_lookups(call, relation) for call in aggregates]
        slots = Slots()
        self._probe = lambda expression: probe(relation, expression)
        self._exists = slots.add(Slot("+", "one")) if groups else None
        planned = [plan_aggregate(Input(call, slots, relation.row_count, self._probe)) for call in calls]
        self.planned: list[Planned] = planned
        self.dense = self._plan_groups(slots, threads)
        self.sink = AggregateSink(self.dense, slots)
        self.pipeline = Pipeline(relation, plan_tests(relation, conjuncts), self.sink)
        self.intervals = (*(self._bounds(e) for e in self.group_expressions), *(p.bounds for p in planned))

    def _plan_groups(self, slots: Slots, threads: int) -> DenseGroups | None:
        if not self.group_expressions:
            return None
        width = 8 * (len(slots.integers) + len(slots.floats))
        most = min(max(65536, 2 * self.relation.row_count), _MOST_STATE_BYTES // (width * threads))
        dense = plan_dense(self.relation, self.group_expressions, self._probe, most)
        if dense is None:
            raise Unsupported("grouping by keys of many values")
        return dense

    def _bounds(self, expression: Expression) -> Any:
        value: Value = self._probe(expression)
        return None if value.is_float or value.dictionary is not None else value.range

    def execute(self, execution: Execution, traffic: Traffic) -> Batch:
        """One row a group that has rows; without groups, one row."""
        states: dict[int, tuple[AnyArray, AnyArray]] = {}
        execution.reserve(self.sink.state_bytes * execution.threads, "the groups of an aggregation")

        def work(worker: int, morsel: Morsel) -> int:
            if worker not in states:
                states[worker] = self.sink.fresh_state()
            return self.pipeline.call(morsel, states[worker])

        run_pipeline(self.pipeline, execution, traffic, work)
        parts = list(states.values()) or [self.sink.fresh_state()]
        integers = merge(self.sink.slots.integers, [part[0] for part in parts])
        floats = merge(self.sink.slots.floats, [part[1] for part in parts])
        traffic.state += 2 * self.sink.state_bytes * len(parts)
        return self._finish(integers, floats)

    def _finish(self, integers: AnyArray, floats: AnyArray) -> Batch:
        keys: list[EncodedColumn] = []
        rows = 1
        if self.dense is not None and self._exists is not None:
            groups = existing(self._exists(integers, floats)[:-1])
            integers, rows = integers[groups], len(groups)
            floats = floats[groups] if self.sink.slots.floats else floats
            keys = [key.decode(groups) for key in self.dense.keys]
        columns = (*keys, *(planned.finish(integers, floats) for planned in self.planned))
        return Batch(columns, rows, self.intervals)

    def details(self) -> tuple[str, ...]:
        """What EXPLAIN says of it."""
        if self.dense is None:
            how = "all rows to one"
        else:
            how = f"up to {self.dense.count:,} groups by dense codes"
        return (how, *describe_scan(self.pipeline))


def _with_lookups(call: AggregateCall, relation: Relation) -> AggregateCall:
    args = tuple(introduce_lookups(arg, relation) for arg in call.args)
    condition = None if call.filter is None else introduce_lookups(call.filter, relation)
    return AggregateCall(call.name, args, call.type, call.distinct, condition)


class Aggregate:
    """Aggregation: the physical operator."""

    def __init__(
        self,
        source: Source,
        conjuncts: Sequence[Expression],
        groups: Sequence[Expression],
        aggregates: Sequence[AggregateCall],
        threads: int,
    ) -> None:
        self._source = source
        self._types = tuple(e.type for e in (*groups, *aggregates))
        self._prepared = Preparation(
            source, lambda relation: Aggregation(relation, conjuncts, groups, aggregates, threads)
        )

    @property
    def types(self) -> tuple[DataType, ...]:
        return self._types

    def execute(self, execution: Execution) -> Batch:
        relation = self._source.read(execution)
        with execution.measure("aggregate") as traffic:
            return self._prepared.get(relation).execute(execution, traffic)

    def explain(self) -> Explanation:
        ready = self._prepared.ready
        details = ("over the rows of its input",) if ready is None else ready.details()
        return Explanation("aggregate", details, self._source.children())
