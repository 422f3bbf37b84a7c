"""Collecting rows: the positions that survive the filters, and the values computed of them on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, decode, from_arrow, take
from locality.encodings.arrow import to_dictionary
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar, Var
from locality.operators.codegen.block import Block
from locality.operators.codegen.lookup import introduce_lookups
from locality.operators.codegen.probe import probe
from locality.operators.codegen.results import column_of_value
from locality.operators.filters.codesets import code_sets
from locality.operators.filters.filter import Test, plan_tests
from locality.operators.physical import Execution, Explanation, Traffic
from locality.operators.pipeline import MORSEL_ROWS, Morsel, Pipeline
from locality.operators.relations.batch import Batch, Deferred
from locality.operators.relations.relation import Relation
from locality.operators.scan import describe_scan, run_pipeline
from locality.operators.source import Preparation, Source
from locality.plan.expressions import ColumnRef, Expression, columns_of, rewrite
from locality.plan.functions.base import Value
from locality.plan.intervals import Interval
from locality.sql.evaluate import evaluate
from locality.types import DataType

AnyArray = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class CollectSink:
    """Writes the position of every active row, and the values of ``expressions`` at it."""

    expressions: tuple[Expression, ...]
    values: tuple[Value, ...]

    @property
    def reads(self) -> Sequence[Expression]:
        return self.expressions

    @property
    def state(self) -> Sequence[Array]:
        return (Array(Scalar.I64), Array(Scalar.I64), *(array for value in self.values for array in _arrays(value)))

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
            builder.store(views[0], row.ordinal, b.add(block.first_row, row.index))
            arrays = iter(views[1:])
            for expression, expected in zip(self.expressions, self.values, strict=True):
                value = row.emit(expression)
                builder.store(next(arrays), row.ordinal, value.expr)
                if expected.valid is not None:  # another segment may have NULLs where this one has none
                    builder.store(next(arrays), row.ordinal, value.valid or ir.Const(True, Scalar.BOOL))
        builder.store(counter, b.const_i64(0), after)

    def fresh_state(self, rows: int) -> list[AnyArray]:
        """Room for the output of ``rows`` rows."""
        arrays = [np.empty(rows, dtype=array.element.value) for array in self.state[1:]]
        return [np.zeros(1, dtype=np.int64), *arrays]


def _arrays(value: Value) -> list[Array]:
    assert isinstance(value.expr.type, Scalar)
    return [Array(value.expr.type), *([] if value.valid is None else [Array(Scalar.BOOL)])]


class Collection:
    """The rows of one relation that pass a filter, as expressions over them, prepared to run."""

    def __init__(self, relation: Relation, conjuncts: Sequence[Expression], outputs: Sequence[Expression]) -> None:
        self.relation = relation
        self._originals = tuple(outputs)
        self.outputs = tuple(
            output if isinstance(output, ColumnRef) else introduce_lookups(output, relation) for output in outputs
        )
        self._values = {e: _computed(relation, e) for e in self.outputs if not isinstance(e, ColumnRef)}
        computed = [(e, v) for e, v in self._values.items() if v is not None]
        self._computed = tuple(e for e, _ in computed)
        self.sink = CollectSink(self._computed, tuple(v for _, v in computed))
        self.pipeline = None
        tests, self._late = split_tests(relation, conjuncts)
        if tests or computed:
            self.pipeline = Pipeline(relation, tests, self.sink)
        expected = relation.row_count if self.pipeline is None else relation.row_count * self.pipeline.selectivity
        self.expected_rows = int(expected)
        late_outputs = len(self._values) > len(computed)
        if (self._late or late_outputs) and self.expected_rows > LATE_ROWS:
            raise Unsupported(f"functions without a kernel over {self.expected_rows:,} rows")
        self.intervals = tuple(self._interval(output) for output in self.outputs)

    def _interval(self, output: Expression) -> Interval | None:
        if isinstance(output, ColumnRef):
            return self.relation.intervals[output.index]
        value = self._values[output]
        return None if value is None or value.is_float or value.is_string else value.range

    def execute(self, execution: Execution, traffic: Traffic, enough: int | None = None) -> Batch:
        """The rows in the relation's order; stops after ``enough`` of them, if given."""
        positions: Any = None
        computed: dict[Expression, EncodedColumn] = {}
        rows = self.relation.row_count
        if self.pipeline is not None:
            positions, computed = self._run(self.pipeline, execution, traffic, None if self._late else enough)
            rows = len(positions)
        if self._late:
            kept = passing(self.relation, self._late, positions)
            computed = {e: take(column, kept) for e, column in computed.items()}
            positions = kept if positions is None else positions[kept]
            rows = len(positions)
        columns = tuple(
            self._column(output, original, positions, computed)
            for output, original in zip(self.outputs, self._originals, strict=True)
        )
        traffic.rows = rows
        return Batch(columns, rows, self.intervals, positions)

    def _run(
        self, pipeline: Pipeline, execution: Execution, traffic: Traffic, enough: int | None
    ) -> tuple[npt.NDArray[np.int64], dict[Expression, EncodedColumn]]:
        parts: dict[Morsel, list[AnyArray]] = {}
        found = 0

        def work(worker: int, morsel: Morsel) -> int:
            nonlocal found
            if enough is not None and found >= enough:
                return 0
            state = self.sink.fresh_state(morsel.rows)
            faults = pipeline.call(morsel, state)
            count = int(state[0][0])
            parts[morsel] = [array[:count].copy() for array in state[1:]]
            found += count
            execution.reserve(sum(array.nbytes for array in parts[morsel]), "the rows of a result")
            return faults

        run_pipeline(pipeline, execution, traffic, work)
        ordered = [parts[morsel] for morsel in pipeline.morsels if morsel in parts]
        starts = [self.relation.starts[morsel.segment] for morsel in pipeline.morsels if morsel in parts]
        positions = _joined([part[0] + start for part, start in zip(ordered, starts, strict=True)], np.int64)
        arrays = iter(range(1, len(self.sink.state) - 1))
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
        return positions, columns

    def _column(
        self, output: Expression, original: Expression, positions: Any, computed: dict[Expression, EncodedColumn]
    ) -> EncodedColumn | Deferred:
        if isinstance(output, ColumnRef):
            return Deferred(self.relation, output.index)
        if output in computed:
            return computed[output]
        return evaluate_over(self.relation, original, positions)

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


def _computed(relation: Relation, expression: Expression) -> Value | None:
    """The value of an expression that kernels compute; None if DuckDB's functions have to."""
    try:
        return probe(relation, expression)
    except Unsupported:
        return None


def _joined(parts: list[AnyArray], dtype: Any) -> AnyArray:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)


def evaluate_over(relation: Relation, expression: Expression, positions: Any) -> EncodedColumn:
    """An expression over some rows of a relation, by DuckDB's scalar functions; raises Unsupported where it can't."""
    columns = sorted(columns_of(expression))
    if not columns:
        rows = relation.row_count if positions is None else len(positions)
        constant = evaluate(expression, [])
        return from_arrow(constant.take(np.zeros(rows, dtype=np.int64)), expression.type)
    inputs = [decode(relation.gather(index, positions)) for index in columns]
    local = rewrite(expression, lambda e: ColumnRef(columns.index(e.index), e.type) if isinstance(e, ColumnRef) else e)
    return from_arrow(evaluate(local, inputs), expression.type)


def rows_at(relation: Relation, outputs: Sequence[Expression], positions: npt.NDArray[np.int64]) -> Batch:
    """Expressions over few chosen rows of a relation, in the order of ``positions``."""
    columns = tuple(
        Deferred(relation, output.index)
        if isinstance(output, ColumnRef)
        else evaluate_over(relation, output, positions)
        for output in outputs
    )
    return Batch(columns, len(positions), tuple(_known(relation, output) for output in outputs), positions)


def _known(relation: Relation, output: Expression) -> Interval | None:
    return relation.intervals[output.index] if isinstance(output, ColumnRef) else None


def split_tests(relation: Relation, conjuncts: Sequence[Expression]) -> tuple[list[Test], list[Expression]]:
    """The tests that kernels make, and the conjuncts that are left for DuckDB's functions."""
    late = [
        c
        for c in conjuncts
        if code_sets(relation, c) is None and _computed(relation, introduce_lookups(c, relation)) is None
    ]
    return plan_tests(relation, [c for c in conjuncts if c not in late]), late


def passing(
    relation: Relation, conjuncts: Sequence[Expression], positions: npt.NDArray[np.int64] | None
) -> npt.NDArray[np.int64]:
    """Which of the rows at ``positions`` (all rows for None) pass, as indices of these, by DuckDB's functions."""
    kept = np.arange(relation.row_count if positions is None else len(positions), dtype=np.int64)
    for conjunct in conjuncts:
        rows = kept if positions is None else positions[kept]
        keep = decode(evaluate_over(relation, conjunct, rows)).fill_null(False)
        kept = kept[keep.to_numpy(zero_copy_only=False)]
    return kept


def _coded(batch: Batch) -> Batch:
    """The batch with every raw string column gathered and given a dictionary."""
    columns = [batch.column(i) for i in range(len(batch.columns))]
    coded = tuple(to_dictionary(column) if column.encoding == "text" else column for column in columns)
    return replace(batch, columns=coded)


#: Rows up to which DuckDB's functions are called on what a scan leaves: beyond, DuckDB is better at the whole query.
LATE_ROWS = 262_144

#: Rows of an intermediate result up to which expressions are computed by DuckDB's functions: a new kernel costs more.
FEW_ROWS = 4096


class Collect:
    """Filter and projection: the physical operator. If ``coded``, raw strings are given dictionaries on the way out."""

    def __init__(
        self, source: Source, conjuncts: Sequence[Expression], outputs: Sequence[Expression], *, coded: bool = False
    ) -> None:
        self._source, self._conjuncts, self._outputs = source, tuple(conjuncts), tuple(outputs)
        self._coded = coded
        self._prepared = Preparation(source, lambda relation: Collection(relation, conjuncts, outputs))

    @property
    def types(self) -> tuple[DataType, ...]:
        return tuple(output.type for output in self._outputs)

    def execute(self, execution: Execution, enough: int | None = None) -> Batch:
        """The rows that pass, in order; at least ``enough`` of them, if given and there are so many."""
        relation = self._source.read(execution)
        with execution.measure("collect") as traffic:
            if self._source.relation is None:
                batch = self._collect_intermediate(relation, execution, traffic, enough)
            else:
                batch = self._prepared.get(relation).execute(execution, traffic, enough)
            return _coded(batch) if self._coded else batch

    def _collect_intermediate(
        self, relation: Relation, execution: Execution, traffic: Traffic, enough: int | None
    ) -> Batch:
        bare = not self._conjuncts and all(isinstance(output, ColumnRef) for output in self._outputs)
        if bare or relation.row_count > FEW_ROWS:
            try:
                return self._prepared.get(relation).execute(execution, traffic, enough)
            except Unsupported:
                pass  # functions that kernels lack, over rows that are already few against the source's
        return self._evaluate(relation)

    def _evaluate(self, relation: Relation) -> Batch:
        positions = np.arange(relation.row_count, dtype=np.int64)
        if self._conjuncts:
            positions = passing(relation, self._conjuncts, None)
        return rows_at(relation, self._outputs, positions)

    @property
    def expected_rows(self) -> int:
        """A guess, from statistics, of how many rows pass; 0 over an intermediate result."""
        return 0 if self._prepared.ready is None else self._prepared.ready.expected_rows

    def explain(self) -> Explanation:
        ready = self._prepared.ready
        details = ("over the rows of its input",) if ready is None else ready.details()
        return Explanation("collect", details, self._source.children())
