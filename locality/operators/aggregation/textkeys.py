"""Aggregation over raw strings and lists: keys as numbers of the values, which are gathered once a group at the end.

A hash table numbers the strings of a column in the order in which they first occur; DuckDB numbers lists. Groups are
then formed by numbers, and so are values counted without repetition. What is the value of one row of each group, as
``min``, ``max`` and ``arg_max`` are, is the number of that row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, decode, expand
from locality.encodings.bitmaps import to_mask
from locality.errors import Unsupported
from locality.operators.aggregation.extremes import Leaders, is_leading, numbered_extreme
from locality.operators.aggregation.inputs import Inputs
from locality.operators.physical import Execution
from locality.operators.relations.batch import Batch, Deferred
from locality.operators.relations.relation import ColumnsSegment, Relation
from locality.operators.relations.textnumbers import number_distinct
from locality.plan.expressions import AggregateCall, ColumnRef, Expression
from locality.plan.intervals import Interval
from locality.sql.evaluate import numbers_of
from locality.types import BIGINT, Domain

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class NumberedText:
    """A ``text`` or ``opaque`` column whose value number ``i`` is at row ``firsts[i]``; None: every row has its number.

    numbers: of the values in all rows.
    """

    source: EncodedColumn
    firsts: Rows | None
    numbers: EncodedColumn

    @property
    def bounds(self) -> Interval:
        return Interval(0, max((self.source.length if self.firsts is None else len(self.firsts)) - 1, 0))

    def texts_of(self, numbers: EncodedColumn) -> Deferred:
        """The strings that have these numbers; NULL is NULL."""
        flat = expand(numbers)
        assert flat.codes is not None
        rows = flat.codes.astype(np.int64) if self.firsts is None else np.append(self.firsts, 0)[flat.codes]
        if flat.validity is not None:
            rows = np.where(to_mask(flat.validity, flat.length), rows, -1)
        dtype, source = self.source.type, self.source
        if self.firsts is not None and source.encoding == "text":
            source = replace(source, validity=None)  # the first row of '' may be one of NULL
        segment = ColumnsSegment((source,), source.length)
        relation = Relation("", (dtype,), (None,), (segment,), float(dtype.row_bytes))
        return Deferred(relation, 0, rows, outer=flat.validity is not None)


def number_column(column: EncodedColumn, execution: Execution) -> NumberedText:
    """The values of a ``text`` or ``opaque`` column by numbers."""
    if column.encoding == "text":
        found = number_distinct(column, execution)
        numbers = EncodedColumn(BIGINT, "frame", column.length, codes=found.numbers, validity=column.validity)
        return NumberedText(column, found.firsts, numbers)
    _, firsts, codes = np.unique(numbers_of(decode(column)).to_numpy(), return_index=True, return_inverse=True)
    numbers = EncodedColumn(BIGINT, "plain", column.length, codes=codes, validity=column.validity)
    return NumberedText(column, firsts, numbers)


@dataclass(frozen=True, eq=False)
class NumberedInputs:
    """The collected rows of an aggregation that kernels can read, the aggregation over them, and texts by output."""

    batch: Batch
    inputs: Inputs
    texts: dict[int, NumberedText]

    def with_texts(self, groups: Batch) -> Batch:
        """The aggregation's output with strings for their numbers."""
        columns, intervals = list(groups.columns), list(groups.intervals)
        for position, text in self.texts.items():
            columns[position], intervals[position] = text.texts_of(groups.column(position)), None
        return Batch(tuple(columns), groups.row_count, tuple(intervals))


def number_inputs(batch: Batch, inputs: Inputs, execution: Execution) -> NumberedInputs:
    """Replaces raw strings by numbers, of the strings; what one row of a group leads in by the number of that row."""
    columns: list[EncodedColumn | Deferred] = list(batch.columns)
    intervals = list(batch.intervals)
    raw: dict[int, EncodedColumn] = {}
    for index in _read(inputs):
        dtype = inputs.expressions[index].type
        if dtype.domain in (Domain.STRING, Domain.NESTED):
            column = columns[index] = replace(batch.column(index), type=dtype)  # stored nested types are Arrow's
            if column.encoding in ("text", "opaque"):
                raw[index] = column
    extremes = [position for position, call in enumerate(inputs.calls) if _is_extreme(call, raw)]
    rest = replace(inputs, calls=tuple(call for i, call in enumerate(inputs.calls) if i not in extremes))
    numbered: dict[int, NumberedText] = {}
    for index in sorted(raw.keys() & set(_read(rest))):
        execution.reserve(12 * raw[index].length, "the numbers of strings")
        text = numbered[index] = number_column(raw[index], execution)
        columns[index], intervals[index] = text.numbers, text.bounds

    def local(expression: Expression) -> Expression:
        if isinstance(expression, ColumnRef) and expression.index in numbered:
            return replace(expression, type=BIGINT)
        return expression

    calls = [call.mapped(local) for call in inputs.calls]
    keys = [key for key in map(local, inputs.groups) if isinstance(key, ColumnRef)]
    texts = {position: numbered[key.index] for position, key in enumerate(keys) if key.index in numbered}
    expressions = list(map(local, inputs.expressions))
    given = Batch(tuple(columns), batch.row_count, tuple(intervals))
    leaders = Leaders(given, [key.index for key in keys], execution)
    for position in extremes:
        call, reference = inputs.calls[position], ColumnRef(len(columns), BIGINT)
        column = raw.get(_argument(call)) or batch.column(_argument(call))
        text = texts[len(keys) + position] = NumberedText(column, None, leaders.rows(call, column))
        columns.append(text.numbers)
        intervals.append(text.bounds)
        expressions.append(reference)
        calls[position] = numbered_extreme(call, reference)
    return NumberedInputs(
        Batch(tuple(columns), batch.row_count, tuple(intervals)),
        Inputs(tuple(expressions), tuple(keys), tuple(calls)),
        texts,
    )


def _is_extreme(call: AggregateCall, raw: Mapping[int, EncodedColumn]) -> bool:
    """Whether a call is told by one row of a group; raises Unsupported for what only sorted rows tell."""
    if is_leading(call):
        return True
    column = raw.get(_argument(call))
    if column is None or call.name == "count":
        return False
    if column.encoding != "text" or call.name not in ("min", "max"):
        raise Unsupported(f"{call.name} of {column.type}")
    return True


def _argument(call: AggregateCall) -> int:
    """The column that a call reads; -1 if it reads none."""
    return call.args[0].index if call.args and isinstance(call.args[0], ColumnRef) else -1


def _read(inputs: Inputs) -> list[int]:
    arguments = (arg for call in inputs.calls for arg in call.args)
    return sorted({e.index for e in (*inputs.groups, *arguments) if isinstance(e, ColumnRef)})
