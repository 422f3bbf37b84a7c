"""Functions that kernels lack, computed by DuckDB over the rows that are left: some at a time, on all threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, concat, decode, from_arrow, slice_column, stored_bytes
from locality.encodings.arrow import plain_to_arrow, to_dictionary
from locality.encodings.canonical import text_array
from locality.errors import Unsupported
from locality.operators.codegen.probe import probe
from locality.operators.filters.conditions import Conditions
from locality.operators.physical import Execution
from locality.operators.relations.batch import Batch, Deferred, interval_of
from locality.operators.relations.relation import Relation
from locality.operators.texts.evaluate import evaluated
from locality.plan.expressions import ColumnRef, Expression, columns_of, rewrite
from locality.plan.functions.base import Value
from locality.sql.evaluate import evaluate
from locality.types import BIGINT

#: Rows that DuckDB's functions are given at a time: many, as each call costs a millisecond, but enough for all threads.
STEP = 262_144

#: Strings that tell whether most of them differ.
_SAMPLE_ROWS = 2048

#: Rows of an intermediate result up to which expressions are computed by DuckDB's functions: a new kernel costs more.
FEW_ROWS = 4096


def computed_value(relation: Relation, expression: Expression) -> Value | None:
    """The value of an expression that kernels compute; None if DuckDB's functions have to."""
    try:
        return probe(relation, expression)
    except Unsupported:
        return None


def evaluate_over(relation: Relation, expression: Expression, positions: Any, execution: Execution) -> EncodedColumn:
    """An expression over some rows of a relation, by DuckDB's scalar functions; raises Unsupported where it can't.

    Strings come out as ``text`` where most of them differ: who wants codes of these makes them.
    """
    columns = sorted(columns_of(expression))
    rows = relation.row_count if positions is None else len(positions)
    if not columns:
        constant = evaluate(expression, [])
        places = plain_to_arrow(np.zeros(rows, np.int64), None, BIGINT)  # numpy's would have pyarrow import pandas
        return from_arrow(constant.take(places), expression.type)
    local = rewrite(expression, lambda e: ColumnRef(columns.index(e.index), e.type) if isinstance(e, ColumnRef) else e)
    starts = range(0, max(rows, 1), STEP)
    parts: dict[int, EncodedColumn] = {}

    def work(worker: int, start: int) -> None:
        stop = min(start + STEP, rows)
        inputs = [_gathered(relation, index, positions, start, stop) for index in columns]
        parts[start] = coded_if_few(evaluated(local, inputs, stop - start))
        execution.reserve(stored_bytes(parts[start]), "what functions made of rows")

    execution.run(starts, work)
    return concat([parts[start] for start in starts])


def coded_if_few(column: EncodedColumn) -> EncodedColumn:
    """Strings over a dictionary, if few of them differ: it is made while they are in the cache.

    Some from all over tell so: strings that lie beside each other often agree where most others differ.
    """
    if column.encoding != "text":
        return column
    places = np.arange(0, column.length, max(column.length // _SAMPLE_ROWS, 1))
    sample = text_array(column).take(places)
    return to_dictionary(column) if 4 * len(sample.unique()) < len(sample) else column


def _gathered(relation: Relation, index: int, positions: Any, start: int, stop: int) -> EncodedColumn:
    """A column at ``positions[start:stop]``, or at rows ``start`` to ``stop`` for None."""
    if positions is not None:
        return relation.gather(index, positions[start:stop])
    parts = []
    for segment, first in zip(relation.segments, relation.starts.tolist(), strict=False):
        low, high = max(start - first, 0), min(stop - first, segment.row_count)
        if low < high:
            parts.append(slice_column(segment.column(index), low, high))
    return concat(parts) if parts else relation.gather(index, np.zeros(0, np.int64))


def rows_at(
    relation: Relation, outputs: Sequence[Expression], positions: npt.NDArray[np.int64], execution: Execution
) -> Batch:
    """Expressions over chosen rows of a relation, in the order of ``positions``."""
    columns = tuple(
        Deferred(relation, output.index, positions)
        if isinstance(output, ColumnRef)
        else evaluate_over(relation, output, positions, execution)
        for output in outputs
    )
    return Batch(columns, len(positions), tuple(interval_of(column) for column in columns))


def split_conditions(relation: Relation, conjuncts: Sequence[Expression]) -> Conditions:
    """The tests that kernels make; the others are left for DuckDB's functions."""
    return Conditions(relation, conjuncts, lambda rows, test: computed_value(rows, test.held) is not None)


def passing(
    relation: Relation, conjuncts: Sequence[Expression], positions: npt.NDArray[np.int64] | None, execution: Execution
) -> npt.NDArray[np.int64]:
    """Which of the rows at ``positions`` (all rows for None) pass, as indices of these, by DuckDB's functions."""
    kept = None if positions is None else np.arange(len(positions), dtype=np.int64)
    for conjunct in conjuncts:
        rows = kept if positions is None or kept is None else positions[kept]
        keep = decode(evaluate_over(relation, conjunct, rows, execution)).fill_null(False)
        holds = np.flatnonzero(keep.to_numpy(zero_copy_only=False))
        kept = holds if kept is None else kept[holds]
    return np.arange(relation.row_count, dtype=np.int64) if kept is None else kept


def evaluate_rows(
    relation: Relation, conjuncts: Sequence[Expression], outputs: Sequence[Expression], execution: Execution
) -> Batch:
    """The rows that pass, all by DuckDB's functions."""
    return rows_at(relation, outputs, passing(relation, conjuncts, None, execution), execution)
