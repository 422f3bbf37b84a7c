"""DISTINCT aggregates beside others: each value of a group is marked once, and the aggregate filtered by the mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, decode, take
from locality.operators.aggregation.inputs import Inputs
from locality.operators.codegen.results import integer_column
from locality.operators.physical import Execution
from locality.operators.relations.batch import Batch, Deferred
from locality.operators.relations.keyindex import representatives
from locality.operators.windows.window import IDEMPOTENT
from locality.plan.expressions import AggregateCall, ColumnRef, Expression
from locality.plan.intervals import BOOLEAN as BITS
from locality.plan.intervals import Interval
from locality.sql.evaluate import numbers_of
from locality.types import BIGINT, BOOLEAN, Domain

Rows = npt.NDArray[np.int64]


def mark_distinct(batch: Batch, inputs: Inputs, execution: Execution) -> tuple[Batch, Inputs]:
    """Collected rows with a column of marks for every DISTINCT, and calls without any.

    Raises Unsupported for values that no key can be made of.
    """
    columns: list[EncodedColumn | Deferred] = list(batch.columns)
    intervals: list[Interval | None] = list(batch.intervals)
    expressions = list(inputs.expressions)
    marks: dict[tuple[object, ...], ColumnRef] = {}
    calls = []
    for call in inputs.calls:
        if not call.distinct or call.name in IDEMPOTENT:
            calls.append(replace(call, distinct=False))
            continue
        key = (call.args, call.filter)
        if key not in marks:
            execution.reserve(40 * batch.row_count, "the values of DISTINCT aggregates")
            marks[key] = ColumnRef(len(columns), BOOLEAN)
            expressions.append(marks[key])
            columns.append(_marks(batch, inputs, call, execution))
            intervals.append(BITS)
        calls.append(replace(call, distinct=False, filter=marks[key]))
    marked = Batch(tuple(columns), batch.row_count, tuple(intervals))
    return marked, Inputs(tuple(expressions), inputs.groups, tuple(calls))


def _marks(batch: Batch, inputs: Inputs, call: AggregateCall, execution: Execution) -> EncodedColumn:
    """True in one row of each group's different arguments, of the rows that pass the filter."""
    keys = sorted({key.index for key in (*inputs.groups, *call.args) if isinstance(key, ColumnRef)})
    marks = np.zeros(batch.row_count, np.bool_)
    rows = np.arange(batch.row_count) if call.filter is None else passing_rows(batch, call.filter)
    if len(rows):
        first = first_rows(batch, keys, execution, None if call.filter is None else rows)
        marks[rows[first == np.arange(len(rows))]] = True
    return integer_column(BOOLEAN, marks, None)


def first_rows(batch: Batch, keys: Sequence[int], execution: Execution, rows: Rows | None = None) -> Rows:
    """For each row, or each of ``rows``, one that agrees on the columns ``keys``, the same for all of these.

    Raises Unsupported for values that no key can be made of.
    """
    if not keys:  # of constants alone: all rows agree
        return np.zeros(batch.row_count if rows is None else len(rows), np.int64)
    read: list[EncodedColumn] = []
    known: list[Interval | None] = []
    for index in keys:
        parts = _parts(by_numbers(batch.column(index)))
        read += parts
        known += [batch.intervals[index]] if len(parts) == 1 else [None, None]
    return representatives(read if rows is None else [take(column, rows) for column in read], known, execution)


def by_numbers(column: EncodedColumn) -> EncodedColumn:
    """A column that is equal in the same rows: numbers of lists, structs and maps; any other as it is."""
    if column.encoding != "opaque" or column.type.domain is not Domain.NESTED:
        return column
    numbers = numbers_of(decode(column)).to_numpy()
    return EncodedColumn(BIGINT, "plain", column.length, codes=numbers, validity=column.validity)


def _parts(column: EncodedColumn) -> list[EncodedColumn]:
    """A column of 128-bit values as its low and its high words; any other as it is."""
    if column.codes is None or column.codes.ndim == 1:
        return [column]
    words = (np.ascontiguousarray(column.codes[:, i]) for i in range(2))
    return [EncodedColumn(BIGINT, "plain", column.length, codes=w, validity=column.validity) for w in words]


def passing_rows(batch: Batch, condition: Expression) -> Rows:
    """The rows in which a column of conditions is true."""
    assert isinstance(condition, ColumnRef)
    column = batch.column(condition.index)
    return np.flatnonzero(decode(column).fill_null(False).to_numpy(zero_copy_only=False))
