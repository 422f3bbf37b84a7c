"""Collecting rows: the positions that survive the filters, and the values computed of them on the way."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from locality import memory
from locality.encodings import EncodedColumn, take
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar, Var
from locality.operators.byvalues import Values
from locality.operators.codegen.block import Block
from locality.operators.codegen.held import Holder
from locality.operators.codegen.lookup import introduce_lookups
from locality.operators.codegen.results import column_of_value
from locality.operators.late import computed_value, evaluate_over, passing, split_conditions
from locality.operators.morsels import Morsel
from locality.operators.physical import Execution, Traffic
from locality.operators.pipeline import MORSEL_ROWS, Pipeline
from locality.operators.relations.batch import Batch, Deferred
from locality.operators.relations.relation import Positions, Relation
from locality.operators.scan import count_scan, describe_scan, run_pipeline
from locality.plan.expressions import ColumnRef, Expression
from locality.plan.functions.base import Value
from locality.plan.intervals import Interval
from locality.plan.structure import structures

AnyArray = npt.NDArray[Any]

_ROWS = "the rows that pass a filter"


@dataclass(frozen=True, eq=False)
class CollectSink:
    """Writes the position of every active row, those of its matches, and the values of ``expressions`` at it.

    links: the first columns of the links whose matches are wanted, a representative column of each to be read.
    """

    expressions: tuple[Expression, ...]
    values: tuple[Value, ...]
    links: tuple[ColumnRef, ...] = ()

    @property
    def reads(self) -> Sequence[Expression]:
        return (*self.expressions, *self.links)

    @cached_property
    def state(self) -> Sequence[Array]:
        matches = (Array(Scalar.I32) for _ in self.links)
        values = (array for value in self.values for array in _arrays(value))
        return (Array(Scalar.I64), Array(Scalar.I64), *matches, *values)

    @property
    def morsel_rows(self) -> int:
        return MORSEL_ROWS

    def prefers_selection(self, selectivity: float) -> bool:
        return True

    def emit(self, block: Block, state: Sequence[Var]) -> None:
        counter, *outputs = state
        builder = block.builder
        done = builder.assign(b.load(counter, b.const_i64(0)), "done")
        rows = block.count if block.selected is None else block.selected
        after = builder.assign(b.add(done, rows))
        views = [builder.slice(output, done, after) for output in outputs]
        with block.rows(self.expressions) as row:
            arrays = iter(views)
            builder.store(next(arrays), row.ordinal, b.add(block.first_row, row.index))
            for link in self.links:
                builder.store(next(arrays), row.ordinal, b.convert(row.match_of(link.index), Scalar.I32))
            for expression, expected in zip(self.expressions, self.values, strict=True):
                value = row.emit(expression)
                builder.store(next(arrays), row.ordinal, value.expr)
                if expected.valid is not None:  # another segment may have NULLs where this one has none
                    builder.store(next(arrays), row.ordinal, value.valid or ir.Const(True, Scalar.BOOL))
        builder.store(counter, b.const_i64(0), after)

    def fresh_state(self, rows: int) -> list[AnyArray]:
        """Room for the output of ``rows`` rows."""
        arrays = [memory.empty(rows, array.element.value, _ROWS) for array in self.state[1:]]
        return [np.zeros(1, dtype=np.int64), *arrays]


def _arrays(value: Value) -> list[Array]:
    assert isinstance(value.expr.type, Scalar)
    return [Array(value.expr.type), *([] if value.valid is None else [Array(Scalar.BOOL)])]


class Collection:
    """The rows of one relation that pass a filter, as expressions over them, prepared to run."""

    def __init__(self, relation: Relation, conjuncts: Sequence[Expression], outputs: Sequence[Expression]) -> None:
        self.relation = relation
        self._originals = tuple(outputs)
        holder = Holder()
        self.outputs = tuple(holder.hold(introduce_lookups(output, relation)) for output in outputs)
        self._values = {e: computed_value(relation, e) for e in self.outputs if not isinstance(e, ColumnRef)}
        computed = [(e, v) for e, v in self._values.items() if v is not None]
        self._computed = tuple(e for e, _ in computed)
        self.sink = CollectSink(self._computed, tuple(v for _, v in computed), _links_read(relation, self.outputs))
        self.pipeline = None
        self._conditions = split_conditions(relation, conjuncts)
        tests, self._late = self._conditions.tests, self._conditions.others
        if tests or computed or relation.links:
            key = "collect", structures(self.outputs)
            self.pipeline = Pipeline(relation, tests, self.sink, None, key, portable=True, numbers=holder.numbers)
        self.is_late = bool(self._late) or len(self._values) > len(computed)
        self.intervals = tuple(self._interval(output) for output in self.outputs)

    def over(self, relation: Relation) -> Collection:
        """The same collection of other rows of the same form."""
        other = copy(self)
        other.relation = relation
        other.pipeline = None if self.pipeline is None else self.pipeline.over(relation)
        return other

    def under(self, relation: Relation, values: Values) -> Collection:
        """The same collection of rows of the same form that pass other values' tests."""
        other = copy(self)
        other.relation = relation
        other._conditions = self._conditions.under(relation, values)
        other._late = other._conditions.others
        if self.pipeline is not None:
            other.pipeline = self.pipeline.under(relation, other._conditions.tests)
        return other

    def _interval(self, output: Expression) -> Interval | None:
        if isinstance(output, ColumnRef):
            return self.relation.intervals[output.index]
        value = self._values[output]
        return None if value is None or value.is_float or value.is_string else value.range

    def execute(self, execution: Execution, traffic: Traffic, enough: int | None = None) -> Batch:
        """The rows in the relation's order; stops after ``enough`` of them, if given."""
        positions: Any = None
        matches: dict[int, Positions] = {}
        computed: dict[Expression, EncodedColumn] = {}
        rows = self.relation.row_count
        if self.pipeline is not None:
            positions, matches, computed = self._run(self.pipeline, execution, traffic, None if self._late else enough)
            rows = len(positions)
        if self._late:
            kept = passing(self.relation, self._late, positions, execution)
            computed = {e: take(column, kept) for e, column in computed.items()}
            positions = kept if positions is None else positions[kept]
            rows = len(positions)
        columns = tuple(
            self._column(output, original, positions, matches, computed, execution)
            for output, original in zip(self.outputs, self._originals, strict=True)
        )
        traffic.rows = rows
        return Batch(columns, rows, self.intervals)

    def _run(
        self, pipeline: Pipeline, execution: Execution, traffic: Traffic, enough: int | None
    ) -> tuple[Positions, dict[int, Positions], dict[Expression, EncodedColumn]]:
        if not (pipeline.open or self._computed or self.relation.links):  # bounds tell the rows
            count_scan(pipeline, traffic)
            return self._told_rows(pipeline.morsels, enough), {}, {}
        parts: dict[Morsel, list[AnyArray]] = {}
        states: dict[int, list[AnyArray]] = {}
        most = max((morsel.rows for morsel in pipeline.morsels), default=0)
        found = 0

        def work(worker: int, morsel: Morsel) -> int:
            nonlocal found
            if enough is not None and found >= enough:
                return 0
            if worker not in states:
                states[worker] = self.sink.fresh_state(most)
            state = states[worker]
            state[0][0] = 0
            faults = pipeline.call(morsel, state)
            count = int(state[0][0])
            parts[morsel] = [array[:count].copy() for array in state[1:]]
            memory.hold(parts[morsel], _ROWS)
            found += count
            return faults

        run_pipeline(pipeline, execution, traffic, work)
        ordered = [parts[morsel] for morsel in pipeline.morsels if morsel in parts]
        starts = [self.relation.starts[morsel.segment] for morsel in pipeline.morsels if morsel in parts]
        positions = _joined([part[0] + start for part, start in zip(ordered, starts, strict=True)], np.int64)
        arrays = iter(range(1, len(self.sink.state) - 1))
        matches = {link.index: _positions(ordered, next(arrays)) for link in self.sink.links}
        columns: dict[Expression, EncodedColumn] = {}
        for expression, value in zip(self._computed, self.sink.values, strict=True):
            number = next(arrays)
            values = _joined([part[number] for part in ordered], self.sink.state[number + 1].element.value)
            valid = None
            if value.valid is not None:
                number = next(arrays)
                valid = _joined([part[number] for part in ordered], np.bool_)
            columns[expression] = column_of_value(expression.type, value, values, valid)
        traffic.state += sum(array.nbytes for part in ordered for array in part)
        return positions, matches, columns

    def _told_rows(self, morsels: Sequence[Morsel], enough: int | None) -> Positions:
        """All rows of morsels, or of so many of these as have enough."""
        parts: list[Positions] = []
        found = 0
        for morsel in morsels:
            if enough is not None and found >= enough:
                break
            first = self.relation.starts[morsel.segment]
            parts += [np.arange(first + start, first + stop) for start, stop in morsel.parts]
            found += morsel.rows
        return _joined(parts, np.int64)

    def _column(
        self,
        output: Expression,
        original: Expression,
        positions: Any,
        matches: dict[int, Positions],
        computed: dict[Expression, EncodedColumn],
        execution: Execution,
    ) -> EncodedColumn | Deferred:
        if isinstance(output, ColumnRef):
            link = self.relation.link_of(output.index)
            if link is None:
                return Deferred(self.relation, output.index, positions)
            return Deferred(link.target, output.index - link.first, matches[link.first], link.is_outer)
        if output in computed:
            return computed[output]
        return evaluate_over(self.relation, original, positions, execution)

    def details(self) -> tuple[str, ...]:
        """What EXPLAIN says of it."""
        late = sum(value is None for value in self._values.values()) + len(self._late)
        source = self.relation.name or "an intermediate result"
        scan: tuple[str, ...] = (f"over {source}: {self.relation.row_count:,} rows, no pass needed",)
        if self.pipeline is not None:
            scan = describe_scan(self.pipeline)
        bare = sum(isinstance(output, ColumnRef) for output in self.outputs)
        return (
            f"{bare} columns gathered late, {len(self._computed)} computed in the scan"
            + (f", {late} by DuckDB's functions over the rows that are left" if late else ""),
            *scan,
        )


def _links_read(relation: Relation, outputs: Sequence[Expression]) -> tuple[ColumnRef, ...]:
    """The first column of every link of which a whole column is wanted."""
    links = (relation.link_of(output.index) for output in outputs if isinstance(output, ColumnRef))
    firsts = sorted({link.first for link in links if link is not None})
    return tuple(ColumnRef(first, relation.types[first]) for first in firsts)


def _positions(parts: list[list[AnyArray]], number: int) -> Positions:
    return _joined([part[number] for part in parts], np.int32).astype(np.int64)


def _joined(parts: list[AnyArray], dtype: Any) -> AnyArray:
    if len(parts) == 1:
        return parts[0]
    return memory.concatenate(parts, _ROWS) if parts else np.empty(0, dtype=dtype)
