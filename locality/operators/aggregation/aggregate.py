"""Aggregation: all rows to one, or one row a group, by dense codes or by hashing."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from locality import memory
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar, Var
from locality.operators.aggregation.accumulators import Slot, Slots, fresh, merge, update_others, update_slots
from locality.operators.aggregation.aggregates import MOST_SEEN, Input
from locality.operators.aggregation.clusters import Clusters, Window, find_clusters, join
from locality.operators.aggregation.dense import merge_states
from locality.operators.aggregation.distinct import mark_distinct
from locality.operators.aggregation.grouping import MOST_GROUPS, DenseGroups, plan_dense
from locality.operators.aggregation.hashing import HashSink, Keys, plan_keys
from locality.operators.aggregation.inputs import Inputs, separate_inputs
from locality.operators.aggregation.matched import MatchedGroups, plan_matched
from locality.operators.aggregation.output import Groups, batch_of_groups
from locality.operators.aggregation.packing import plan_few_groups
from locality.operators.aggregation.partitions import group_by_hash
from locality.operators.aggregation.registry import is_known, plan_aggregate
from locality.operators.aggregation.sorted import aggregate_sorted
from locality.operators.aggregation.textkeys import number_inputs
from locality.operators.codegen.block import Block, Row, materialise
from locality.operators.codegen.lookup import introduce_lookups
from locality.operators.codegen.probe import probe
from locality.operators.collect import collect_rows
from locality.operators.filters.filter import plan_tests
from locality.operators.physical import Execution, Explanation, Traffic
from locality.operators.pipeline import MORSEL_ROWS, Morsel, Pipeline
from locality.operators.relations.batch import Batch
from locality.operators.relations.relation import Relation
from locality.operators.scan import describe_scan, run_pipeline
from locality.operators.source import Conjuncts, Preparation, Source
from locality.plan.expressions import AggregateCall, Expression, walk
from locality.plan.functions.base import Value
from locality.plan.intervals import Interval
from locality.storage.zones import ZONE_ROWS
from locality.types import DataType

AnyArray = npt.NDArray[Any]

_GROUPS = "the groups of an aggregation"

#: Below this share of surviving rows, grouped updates run over positions instead of all rows.
_SELECT_BELOW = 0.25
#: Groups that always get state.
_FEW_GROUPS = 65536
#: State of a dense grouping may take as much as the rows themselves, but never more than this.
_MOST_STATE_BYTES = 256 << 20


@dataclass(frozen=True, eq=False)
class AggregateSink:
    """Adds every active row to the slots of its group; without ``groups`` there is one group, number 0.

    The last group is where rows go that a mask excludes, so that updates need no branch. If ``clustered``, a morsel's
    state covers only the groups from a first one on: a third state array holds its number, and how many there are.
    """

    groups: DenseGroups | MatchedGroups | None
    slots: Slots
    clustered: bool = False

    @property
    def reads(self) -> Sequence[Expression]:
        keys = () if self.groups is None else self.groups.reads
        return (*keys, *self.slots.reads)

    @property
    def state(self) -> Sequence[Array]:
        window = (Array(Scalar.I64),) if self.clustered else ()
        return (Array(Scalar.I64, 2), Array(Scalar.F64, 2), *window, *(Array(Scalar.U8) for _ in self.slots.seen))

    @property
    def group_bytes(self) -> int:
        """Bytes of a group's slots."""
        seen = sum(marks.width for marks in self.slots.seen)
        return 8 * (len(self.slots.integers) + len(self.slots.floats)) + seen

    @property
    def morsel_rows(self) -> int:
        """One zone if clustered: the state of its groups stays in the second-level cache."""
        return ZONE_ROWS if self.clustered else MORSEL_ROWS

    def prefers_selection(self, selectivity: float) -> bool:
        return isinstance(self.groups, MatchedGroups) or (self.groups is not None and selectivity < _SELECT_BELOW)

    def fresh_state(self, groups: int) -> tuple[AnyArray, ...]:
        """State of ``groups`` groups without any row: integers, floats, and what was seen."""
        seen = (np.zeros(groups * marks.width, dtype=np.uint8) for marks in self.slots.seen)
        return fresh(self.slots.integers, groups, np.int64), fresh(self.slots.floats, groups, np.float64), *seen

    def emit(self, block: Block, state: Sequence[Var]) -> None:
        integers, floats = state[:2]
        seen = state[3 if self.clustered else 2 :]
        if self.groups is None:
            for position, slot in enumerate(self.slots.integers):
                self._emit_reduction(block, slot, integers, position)
            for position, slot in enumerate(self.slots.floats):
                self._emit_float_sum(block, slot, floats, position)
            for moments in self.slots.moments:
                with block.rows(moments.reads) as row:
                    moments.emit(row, b.const_i64(0), integers, floats)
            for marks, array in zip(self.slots.seen, seen, strict=True):
                with block.rows(marks.reads) as row:
                    marks.emit(row, b.const_i64(0), array)
        else:
            self._emit_grouped(block, self.groups, (integers, floats, *seen), state[2] if self.clustered else None)

    def _emit_reduction(self, block: Block, slot: Slot, cells: Var, position: int) -> None:
        """One vectorised loop that reduces a block to one value."""
        if slot.is_separate:
            return
        at = (b.const_i64(0), b.const_i64(position))
        if slot.part == "one" and slot.condition is None:
            block.builder.update("+", cells, at, block.remaining)
            return
        total = block.builder.assign(b.const(slot.identity, Scalar.I64), "total")
        with block.rows(slot.reads) as row:
            contribution = slot.emit(row)
            combine = b.add if slot.op == "+" else b.minimum if slot.op == "min" else b.maximum
            block.builder.set(total, combine(total, contribution))
        block.builder.update(slot.op, cells, at, total)

    def _emit_float_sum(self, block: Block, slot: Slot, cells: Var, position: int) -> None:
        """Floats are added in a fixed interleaved order, so that equal data has an equal sum."""
        if slot.is_separate:
            return
        values = block.local(Scalar.F64)
        with block.rows(slot.reads) as row:
            block.builder.store(values, row.ordinal, slot.emit(row))
        total = b.call("sum_floats", values, block.active)
        block.builder.update("+", cells, (b.const_i64(0), b.const_i64(position)), total)

    def _emit_grouped(
        self, block: Block, groups: DenseGroups | MatchedGroups, state: Sequence[Var], window: Var | None
    ) -> None:
        integers, floats, *seen = state
        keys = groups.reads
        arguments = self.slots.reads
        first = excluded = None
        if window is not None:
            first = block.builder.hoist(b.load(window, b.const_i64(0)))
            excluded = block.builder.hoist(b.load(window, b.const_i64(1)))

        def number_of(row: Row) -> ir.Expr:
            number = groups.emit(row)
            return number if first is None else b.sub(number, first)

        if block.selection is not None:
            with block.rows([*keys, *arguments]) as row:
                update_slots(row, number_of(row), integers, floats, self.slots, seen)
            return
        assert isinstance(groups, DenseGroups), "matches are looked up for a selection of rows"
        for argument in sorted(set(arguments), key=_size):
            materialise(block, argument)
        few = plan_few_groups(block, groups.count, self.slots.integers)
        type = Scalar.I64 if few is None else Scalar.U8
        numbers = block.local(type)
        with block.rows(keys) as row:
            number = number_of(row)
            if row.active is not None:
                number = b.select(row.active, number, excluded or row.integer(groups.count))
            block.builder.store(numbers, row.index, b.convert(number, type))
        if few is not None:
            few.emit(numbers, integers)
            if not self.slots.has_others:
                return
        update = update_slots if few is None else update_others
        with block.rows(arguments) as row:
            unmasked = Row(block, row.index, None, row.ordinal)
            number = b.convert(b.load(numbers, row.index), Scalar.I64)
            update(unmasked, number, integers, floats, self.slots, seen)


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
        *,
        dense: bool = True,
    ) -> None:
        """dense: whether groups may be numbered instead of hashed."""
        self.relation = relation
        self.threads = threads
        group_expressions = [introduce_lookups(group, relation) for group in groups]
        calls = [call.mapped(lambda e: introduce_lookups(e, relation)) for call in aggregates]
        slots = Slots()
        if groups:
            slots.add(Slot("+", "one"))  # the first integer slot tells whether a group has rows
        self.planned = [plan_aggregate(Input(call, slots, relation.row_count, self._probe)) for call in calls]
        self.groups, self.clusters, self.hashed = self._plan_groups(group_expressions, slots, threads, dense=dense)
        self.sink = AggregateSink(self.groups, slots, self.clusters is not None)
        tests = plan_tests(relation, conjuncts)
        self.pipeline = Pipeline(relation, tests, self.sink if self.hashed is None else HashSink(self.hashed, slots))
        self.types = tuple(e.type for e in (*groups, *aggregates))
        self.intervals = (*(self._bounds(e) for e in group_expressions), *(p.bounds for p in self.planned))

    def over(self, relation: Relation) -> Aggregation:
        """The same aggregation of other rows of the same form."""
        other = copy(self)
        other.relation, other.pipeline = relation, self.pipeline.over(relation)
        return other

    def _probe(self, expression: Expression) -> Value:
        return probe(self.relation, expression)

    def _plan_groups(
        self, expressions: Sequence[Expression], slots: Slots, threads: int, *, dense: bool
    ) -> tuple[DenseGroups | MatchedGroups | None, Clusters | None, Keys | None]:
        """One state for all groups where they are few, one a morsel where it has few of its own, else hash tables."""
        if not expressions:
            return None, None, None
        groups = plan_dense(self.relation, expressions, self._probe, MOST_GROUPS) if dense else None
        seen = sum(marks.width for marks in slots.seen)
        width = 8 * (len(slots.integers) + len(slots.floats)) + seen
        most = min(max(_FEW_GROUPS, 2 * self.relation.row_count), _MOST_STATE_BYTES // (width * threads))
        if seen and (groups is None or groups.count > most or groups.count * seen > MOST_SEEN):
            raise Unsupported("count(DISTINCT ...) of many values in many groups beside other aggregates")
        if dense and not seen and (groups is None or groups.count > _FEW_GROUPS):
            matched = plan_matched(self.relation, expressions)
            if matched is not None and matched.count(self.relation) <= most:
                return matched, None, None
        clusters = None
        if not seen and groups is not None and groups.count > max(_FEW_GROUPS, self.relation.row_count // 16):
            clusters = find_clusters(self.relation, groups, width)
        if groups is None or (groups.count > most and clusters is None):
            return groups, None, plan_keys(groups, expressions, self._probe)
        return groups, clusters, None

    def _bounds(self, expression: Expression) -> Interval | None:
        value = self._probe(expression)
        return None if value.is_float or value.is_string else value.range

    def execute(self, execution: Execution, traffic: Traffic) -> Batch:
        """One row a group that has rows; without groups, one row."""
        if self.hashed is not None:
            groups = group_by_hash(self.pipeline, self.hashed.width, self.sink.slots, execution, traffic)
            return self._output(groups, traffic)
        if self.groups is None:
            integers, floats = merge(self.sink.slots, self._run(1, execution, traffic))
            traffic.rows = 1
            return Batch(tuple(planned.finish(integers, floats) for planned in self.planned), 1, self.intervals)
        if self.clusters is not None:
            return self._output(self._run_clustered(self.clusters, execution, traffic), traffic)
        count = self.groups.count if isinstance(self.groups, DenseGroups) else self.groups.count(self.relation)
        states = self._run(count + 1, execution, traffic)
        return self._output(merge_states(states, self.sink.slots, execution), traffic)

    def _run(self, groups: int, execution: Execution, traffic: Traffic) -> list[tuple[AnyArray, AnyArray]]:
        """The workers' states of ``groups`` groups, at least one; what was seen is counted in the first."""
        states: dict[int, tuple[AnyArray, ...]] = {}
        memory.allow(self.sink.group_bytes * groups * execution.threads, _GROUPS)

        def work(worker: int, morsel: Morsel) -> int:
            if worker not in states:
                states[worker] = self.sink.fresh_state(groups)
            return self.pipeline.call(morsel, states[worker])

        run_pipeline(self.pipeline, execution, traffic, work)
        parts = list(states.values()) or [self.sink.fresh_state(groups)]
        traffic.state += 2 * self.sink.group_bytes * groups * len(parts)
        for position, marks in enumerate(self.sink.slots.seen):
            marks.count(np.bitwise_or.reduce([part[2 + position] for part in parts]), parts[0][0])
        return [(part[0], part[1]) for part in parts]

    def _run_clustered(self, clusters: Clusters, execution: Execution, traffic: Traffic) -> Groups:
        """The groups that have rows, in ascending order of their numbers."""
        parts: dict[Morsel, Groups] = {}
        windows: dict[int, Window] = {}
        slots = self.sink.slots
        widest = max((clusters.window(morsel)[1] for morsel in self.pipeline.morsels), default=0)

        def work(worker: int, morsel: Morsel) -> int:
            if worker not in windows:
                windows[worker] = Window(slots, widest)
            first, count = clusters.window(morsel)
            state = windows[worker].clear(count)
            faults = self.pipeline.call(morsel, (*state, np.array([first, count], dtype=np.int64)))
            parts[morsel] = windows[worker].groups_with_rows(count, first)
            memory.hold((parts[morsel].keys, parts[morsel].integers, parts[morsel].floats), _GROUPS)
            return faults

        run_pipeline(self.pipeline, execution, traffic, work)
        traffic.state += 2 * sum(part.nbytes for part in parts.values())
        return join([parts[morsel] for morsel in self.pipeline.morsels], slots, execution)

    def _output(self, groups: Groups, traffic: Traffic) -> Batch:
        grouping = self.hashed or self.groups
        assert grouping is not None
        decode = partial(grouping.decode, self.relation) if isinstance(grouping, MatchedGroups) else grouping.decode
        traffic.rows = len(groups)
        return batch_of_groups(groups, self.types, self.intervals, decode, self.planned)

    def details(self) -> tuple[str, ...]:
        """What EXPLAIN says of it."""
        if self.hashed is not None:
            how = f"groups by hash, {self.hashed.width}-word keys"
        elif self.groups is None:
            how = "all rows to one"
        elif isinstance(self.groups, MatchedGroups):
            how = f"up to {self.groups.count(self.relation):,} groups by what they were joined with"
        elif self.clusters is None:
            how = f"up to {self.groups.count:,} groups by dense codes"
        else:
            how = f"up to {self.groups.count:,} groups, clustered: a small state a morsel"
        return (how, *describe_scan(self.pipeline))


class Aggregate:
    """Aggregation: the physical operator."""

    def __init__(
        self,
        source: Source,
        conjuncts: Sequence[Expression],
        groups: Sequence[Expression],
        aggregates: Sequence[AggregateCall],
        threads: int,
        *,
        dense: bool = True,
    ) -> None:
        """dense: whether groups may be numbered instead of hashed."""
        self._source = source
        self._groups, self._aggregates, self._threads = tuple(groups), tuple(aggregates), threads
        self._conjuncts = tuple(conjuncts)
        computed = (part for call in aggregates for part in call.expressions())
        self._prepared = Preparation(
            source.relation,
            conjuncts,
            (*groups, *computed),
            lambda relation, left: Aggregation(relation, left, groups, aggregates, threads, dense=dense),
        )

    @property
    def types(self) -> tuple[DataType, ...]:
        return tuple(e.type for e in (*self._groups, *self._aggregates))

    def execute(self, execution: Execution) -> Batch:
        relation, conjuncts = self._source.read(execution, self._conjuncts)
        with execution.measure("aggregate") as traffic:
            try:
                prepared = self._prepared.get(relation, conjuncts)
            except Unsupported as reason:
                return self._over_inputs(relation, conjuncts, execution, traffic, reason)
            return prepared.execute(execution, traffic)

    def _over_inputs(
        self, relation: Relation, conjuncts: Conjuncts, execution: Execution, traffic: Traffic, reason: Unsupported
    ) -> Batch:
        """The groups of what is collected first."""
        inputs = separate_inputs(self._groups, self._aggregates)
        if not all(is_known(call) for call in self._aggregates):
            raise reason
        batch = collect_rows(relation, conjuncts, inputs.expressions, execution, traffic)
        return aggregate_collected(batch, inputs, execution, traffic)

    def explain(self) -> Explanation:
        ready = self._prepared.ready
        details = ("over the rows of its input",) if ready is None else ready.details()
        return Explanation("aggregate", details, self._source.children())


def aggregate_collected(batch: Batch, inputs: Inputs, execution: Execution, traffic: Traffic) -> Batch:
    """The groups of collected rows; by sorting, where kernels can't read the values."""
    try:
        return aggregate_inputs(batch, inputs, execution, traffic)
    except Unsupported:
        return aggregate_sorted(batch, inputs, execution, traffic, aggregate_inputs)


def aggregate_inputs(batch: Batch, inputs: Inputs, execution: Execution, traffic: Traffic) -> Batch:
    """The groups of collected rows, raw strings and DISTINCT included."""
    numbered = number_inputs(batch, inputs, execution)
    marked, inputs = mark_distinct(numbered.batch, numbered.inputs, execution)
    groups = Aggregation(marked.as_relation(), (), inputs.groups, inputs.calls, execution.threads)
    return numbered.with_texts(groups.execute(execution, traffic))
