"""Aggregation: all rows to one, or one row a group, by dense codes or by hashing."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from copy import copy
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from locality import memory
from locality.errors import Unsupported
from locality.operators.aggregation.accumulators import merge
from locality.operators.aggregation.aggregates import MOST_SEEN
from locality.operators.aggregation.clusters import Clusters, Window, find_clusters, find_matched_clusters, join
from locality.operators.aggregation.dense import merge_states
from locality.operators.aggregation.distinct import mark_distinct
from locality.operators.aggregation.frame import frame_of
from locality.operators.aggregation.grouping import DenseGroups
from locality.operators.aggregation.hashing import HashSink, Keys, plan_keys
from locality.operators.aggregation.having import CellTest, plan_having
from locality.operators.aggregation.inputs import Inputs, separate_inputs
from locality.operators.aggregation.matched import MatchedGroups, plan_matched
from locality.operators.aggregation.output import Groups, batch_of_groups
from locality.operators.aggregation.partitions import group_by_hash
from locality.operators.aggregation.registry import is_known
from locality.operators.aggregation.sink import AggregateSink
from locality.operators.aggregation.sorted import aggregate_sorted
from locality.operators.aggregation.textkeys import number_inputs
from locality.operators.byvalues import Conjuncts, Values, bound_all
from locality.operators.codegen.probe import probe
from locality.operators.collect import collect_rows
from locality.operators.collection import Collection
from locality.operators.filters.conditions import Conditions, plan_tests
from locality.operators.filters.filter import Test
from locality.operators.morsels import Morsel
from locality.operators.physical import Execution, Explanation, Traffic
from locality.operators.pipeline import MORSEL_ROWS, Pipeline
from locality.operators.relations.batch import Batch
from locality.operators.relations.relation import NOTHING, Relation
from locality.operators.relations.signature import signature
from locality.operators.scan import describe_scan, run_pipeline
from locality.operators.source import Preparation, Source
from locality.operators.steps import plan_steps
from locality.plan.expressions import AggregateCall, ColumnRef, Expression, columns_of
from locality.types import DataType, Domain

AnyArray = npt.NDArray[Any]

_GROUPS = "the groups of an aggregation"

#: Groups that always get state.
_FEW_GROUPS = 65536
#: Numbers of groups in a dense grouping for each row that is expected to pass the filters and joins.
_MOST_STATE_A_ROW = 16
#: State of a dense grouping may take as much as the rows themselves, but never more than this.
_MOST_STATE_BYTES = 256 << 20
#: State of so many bytes stays in a core's cache or close to it: it is cleared and read faster than rows are hashed.
_CACHED_STATE_BYTES = 4 << 20


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
        zone_totals: bool = True,
    ) -> None:
        """dense: whether groups may be numbered instead of hashed. zone_totals: whether statistics may answer."""
        self.relation = relation
        self.frame, numbers = frame_of(relation, groups, aggregates, dense=dense)
        frame = self.frame
        self._conditions = Conditions(relation, conjuncts)
        tests = self._conditions.tests
        self.groups, self.clusters, self.hashed = self._plan_groups(tests, threads, dense=dense)
        rows = MORSEL_ROWS if self.clusters is None else self.clusters.morsel_rows
        self.sink = AggregateSink(self.groups, frame.slots, self.clusters is not None, rows)
        self.totals = frame.totals if zone_totals else None
        by_match = (self.groups.number, self.groups.columns) if isinstance(self.groups, MatchedGroups) else None
        self.pipeline = Pipeline(
            relation,
            tests,
            self.sink if self.hashed is None else HashSink(self.hashed, frame.slots),
            None if self.totals is None else self.totals.known,
            (frame.key, by_match, self.clusters is not None, self.hashed is not None),
            numbers=numbers,
        )

    def over(self, relation: Relation) -> Aggregation:
        """The same aggregation of other rows of the same form."""
        other = copy(self)
        other.relation, other.pipeline, other.totals = relation, self.pipeline.over(relation), None
        return other

    def under(self, relation: Relation, values: Values) -> Aggregation:
        """The same aggregation of rows of the same form that pass other values' tests."""
        other = copy(self)
        other._conditions = self._conditions.under(relation, values)
        other.relation, other.pipeline = relation, self.pipeline.under(relation, other._conditions.tests)
        return other

    def _clusters_of_run(self, planned: Clusters) -> Clusters:
        """The ranges of groups in these rows, which may be joined with others than those that were planned for."""
        if not isinstance(self.groups, MatchedGroups):
            return planned
        found = find_matched_clusters(self.relation, self.groups, self.sink.group_bytes)
        return planned.all_in_one(self.groups.count(self.relation)) if found is None else found

    def _plan_groups(
        self, tests: Sequence[Test], threads: int, *, dense: bool
    ) -> tuple[DenseGroups | MatchedGroups | None, Clusters | None, Keys | None]:
        """One state for all groups where they are few, one a morsel where it has few of its own, else hash tables."""
        expressions, groups, slots = self.frame.groups, self.frame.dense, self.frame.slots
        if not expressions:
            return None, None, None
        seen = sum(marks.width for marks in slots.seen)
        width = 8 * (len(slots.integers) + len(slots.floats)) + seen
        most = min(max(_FEW_GROUPS, self._worth_state(width)), _MOST_STATE_BYTES // (width * threads))
        if seen and (groups is None or groups.count > most or groups.count * seen > MOST_SEEN):
            raise Unsupported("count(DISTINCT ...) of many values in many groups beside other aggregates")
        # clearing and merging the state of groups that few rows can be of costs more than hashing these
        worth = max(_FEW_GROUPS, int(_MOST_STATE_A_ROW * _expected_rows(self.relation, tests)))
        if dense and not seen and (groups is None or groups.count > _FEW_GROUPS):
            matched = plan_matched(self.relation, expressions)
            count = 0 if matched is None else matched.count(self.relation)
            if matched is not None and count > _FEW_GROUPS:
                clusters = find_matched_clusters(self.relation, matched, width)
                if clusters is not None:
                    return matched, clusters, None
            if matched is not None and count <= min(most, worth):
                return matched, None, None
        clusters = None
        if not seen and groups is not None and groups.count > max(_FEW_GROUPS, self.relation.row_count // 16):
            clusters = find_clusters(self.relation, groups, width)
        if not seen and groups is not None and groups.count > _FEW_GROUPS:
            most = min(most, worth)
        if groups is None or (groups.count > most and clusters is None):
            return groups, None, plan_keys(groups, expressions, partial(probe, self.relation))
        return groups, clusters, None

    def _worth_state(self, width: int) -> int:
        """Groups that rows are worth state of so many bytes for: four times as many where it stays cached."""
        rows = self.relation.row_count
        return max(2 * rows, min(8 * rows, _CACHED_STATE_BYTES // width))

    def execute(self, execution: Execution, traffic: Traffic, having: Sequence[Expression] = ()) -> Batch:
        """One row a group that has rows; without groups, one row. Those that fail ``having`` may be missing."""
        tests = plan_having(having, len(self.frame.groups), self.frame.planned, self.sink.slots)
        if self.hashed is not None:
            groups = group_by_hash(self.pipeline, self.hashed.width, self.sink.slots, execution, traffic)
            return self._output(groups, traffic)
        if self.groups is None:
            parts = self._run(1, execution, traffic)
            if self.totals is not None and self.pipeline.answered:
                parts.append(self.totals.cells(self.pipeline.answered))
                traffic.add_reads(self.totals.reads(self.pipeline.answered))
            integers, floats = merge(self.sink.slots, parts)
            traffic.rows = 1
            return Batch(
                tuple(planned.finish(integers, floats) for planned in self.frame.planned), 1, self.frame.intervals
            )
        if self.clusters is not None:
            clusters = self._clusters_of_run(self.clusters)
            return self._output(self._run_clustered(clusters, execution, traffic, tests), traffic)
        count = self.groups.count if isinstance(self.groups, DenseGroups) else self.groups.count(self.relation)
        states = self._run(count + 1, execution, traffic)
        return self._output(merge_states(states, self.sink.slots, execution, tests), traffic)

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
            seen, *others = (part[2 + position] for part in parts)
            for other in others:
                marks.merge(seen, other)
            marks.count(seen, parts[0][0])
        return [(part[0], part[1]) for part in parts]

    def _run_clustered(
        self, clusters: Clusters, execution: Execution, traffic: Traffic, tests: Sequence[CellTest]
    ) -> Groups:
        """The groups that have rows, in ascending order of their numbers; those that fail may be missing."""
        parts: dict[Morsel, Groups] = {}
        windows: dict[int, Window] = {}
        slots = self.sink.slots
        morsels = self.pipeline.morsels
        widest = max((clusters.window(morsel)[1] for morsel in morsels), default=0)
        complete = dict(zip(morsels, clusters.complete(morsels), strict=True)) if tests else {}

        def work(worker: int, morsel: Morsel) -> int:
            if worker not in windows:
                windows[worker] = Window(slots, widest)
            first, count = clusters.window(morsel)
            state = windows[worker].clear(count)
            faults = self.pipeline.call(morsel, (*state, np.array([first, count], dtype=np.int64)))
            parts[morsel] = windows[worker].groups_with_rows(count, first, tests, complete.get(morsel, (0, 0)))
            memory.hold((parts[morsel].keys, parts[morsel].integers, parts[morsel].floats), _GROUPS)
            return faults

        run_pipeline(self.pipeline, execution, traffic, work)
        traffic.state += 2 * sum(part.nbytes for part in parts.values())
        return join([parts[morsel] for morsel in morsels], slots, execution)

    def _output(self, groups: Groups, traffic: Traffic) -> Batch:
        grouping = self.hashed or self.groups
        assert grouping is not None
        decode = partial(grouping.decode, self.relation) if isinstance(grouping, MatchedGroups) else grouping.decode
        traffic.rows = len(groups)
        return batch_of_groups(groups, self.frame.types, self.frame.intervals, decode, self.frame.planned)

    def details(self) -> tuple[str, ...]:
        """What EXPLAIN says of it."""
        if self.hashed is not None:
            how = f"groups by hash, {self.hashed.width}-word keys"
        elif self.groups is None:
            how = "all rows to one"
        elif isinstance(self.groups, MatchedGroups):
            how = f"up to {self.groups.count(self.relation):,} groups by what they were joined with"
        else:
            how = f"up to {self.groups.count:,} groups" + (" by dense codes" if self.clusters is None else "")
        if self.clusters is not None:
            how += ", clustered: a small state a morsel"
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
        zone_totals: bool = True,
    ) -> None:
        """dense: whether groups may be numbered instead of hashed. zone_totals: whether statistics may answer."""
        self._source = source
        self._groups, self._aggregates, self._threads = tuple(groups), tuple(aggregates), threads
        self._having: Conjuncts = ()
        computed = [part for call in aggregates for part in call.expressions()]
        self._columns = frozenset().union(*(columns_of(e) for e in (*groups, *computed)))
        self._inputs = inputs = separate_inputs(groups, aggregates)
        self._of_inputs = KeptAggregation()
        self._collected = Preparation(
            None,
            conjuncts,
            [e for e in inputs.expressions if not isinstance(e, ColumnRef)],
            lambda relation, left: Collection(relation, left, inputs.expressions),
        )
        self._prepared = Preparation(
            source.relation,
            conjuncts,
            (*groups, *computed),
            lambda relation, left: Aggregation(
                relation, left, groups, aggregates, threads, dense=dense, zone_totals=zone_totals
            ),
        )

    def filtered(self, conjuncts: Sequence[Expression]) -> Aggregate:
        """The same for a reader that tests ``conjuncts`` of its columns: groups that fail may be missing."""
        other = copy(self)
        other._having = tuple(conjuncts)
        return other

    @property
    def types(self) -> tuple[DataType, ...]:
        return tuple(e.type for e in (*self._groups, *self._aggregates))

    def execute(self, execution: Execution) -> Batch:
        relation, conjuncts = self._source.read(execution, self._prepared.conjuncts_in(execution))
        with execution.measure("aggregate") as traffic:
            is_known_to_kernels = all(map(is_known, self._aggregates))
            if is_known_to_kernels and self._has_few_rows(relation, conjuncts):
                return self._over_inputs(relation, conjuncts, execution, traffic)
            try:
                prepared = self._prepared.get(relation, conjuncts, execution)
            except Unsupported:
                if not is_known_to_kernels:
                    raise
                return self._over_inputs(relation, conjuncts, execution, traffic)
            having = bound_all(self._having, execution.values) if execution.values else self._having
            return prepared.execute(execution, traffic, having)

    def _has_few_rows(self, relation: Relation, conjuncts: Conjuncts) -> bool:
        """Whether fewer rows are expected than there are raw strings in a link that kernels need a dictionary of."""
        strings = max((_raw_strings(relation, index) for index in self._columns), default=0)
        return strings > 0 and _expected_rows(relation, plan_tests(relation, conjuncts)) < strings

    def _over_inputs(self, relation: Relation, conjuncts: Conjuncts, execution: Execution, traffic: Traffic) -> Batch:
        """The groups of what is collected first."""
        inputs = self._inputs
        batch = collect_rows(relation, conjuncts, inputs.expressions, execution, traffic, prepared=self._collected)
        return aggregate_collected(batch, inputs, execution, traffic, self._of_inputs)

    def explain(self) -> Explanation:
        ready = self._prepared.ready
        details = ("over the rows of its input",) if ready is None else ready.details()
        return Explanation("aggregate", details, self._source.children())


def _expected_rows(relation: Relation, tests: Sequence[Test]) -> float:
    """How many rows pass the tests and the links, about."""
    return relation.row_count * math.prod(step.share for step in plan_steps(relation, tests, relation.links))


def _raw_strings(relation: Relation, index: int) -> int:
    """How many strings without a dictionary a column of a link holds; 0 for any other column."""
    link = relation.link_of(index)
    if link is None or relation.types[index].domain is not Domain.STRING:
        return 0
    target, column = link.target, index - link.first
    if all(segment.is_ready(column) for segment in target.segments):
        return 0
    return target.row_count if target.gather(column, np.zeros(1, np.int64)).encoding == "text" else 0


class KeptAggregation:
    """The aggregation of the last collected rows, for the next ones of the same form; threads may share it."""

    def __init__(self) -> None:
        self._last: tuple[Hashable, Aggregation] | None = None

    def get(self, relation: Relation, inputs: Inputs, threads: int) -> Aggregation:
        """The aggregation of ``relation``, whose columns are the inputs; raises Unsupported if there is none."""
        key = signature(relation, range(len(relation.types))), inputs.groups, inputs.calls
        last = self._last
        if last is not None and last[0] == key:
            return last[1].over(relation)
        aggregation = Aggregation(relation, (), inputs.groups, inputs.calls, threads)
        self._last = key, aggregation.over(NOTHING)
        return aggregation


def aggregate_collected(
    batch: Batch, inputs: Inputs, execution: Execution, traffic: Traffic, kept: KeptAggregation
) -> Batch:
    """The groups of collected rows; by sorting, where kernels can't read the values."""
    try:
        return aggregate_inputs(batch, inputs, execution, traffic, kept)
    except Unsupported:
        return aggregate_sorted(batch, inputs, execution, traffic, aggregate_inputs)


def aggregate_inputs(
    batch: Batch, inputs: Inputs, execution: Execution, traffic: Traffic, kept: KeptAggregation | None = None
) -> Batch:
    """The groups of collected rows, raw strings and DISTINCT included."""
    numbered = number_inputs(batch, inputs, execution)
    marked, inputs = mark_distinct(numbered.batch, numbered.inputs, execution)
    groups = (kept or KeptAggregation()).get(marked.as_relation(), inputs, execution.threads)
    return numbered.with_texts(groups.execute(execution, traffic))
