"""Aggregation over raw strings and lists: keys as numbers of the values, which are gathered once a group at the end.

A hash table numbers the strings of a column in the order in which they first occur; DuckDB numbers lists. Groups are
then formed by numbers, and so are values counted without repetition. Only what compares strings (``min``, ``max``)
needs a sorted dictionary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, decode, expand
from locality.encodings.arrow import to_dictionary
from locality.encodings.bitmaps import to_mask
from locality.errors import Unsupported
from locality.operators.aggregation.inputs import Inputs
from locality.operators.physical import Execution
from locality.operators.relations.batch import Batch, Deferred
from locality.operators.relations.relation import ColumnsSegment, Relation
from locality.operators.relations.texts import number_texts
from locality.plan.expressions import ColumnRef, Expression
from locality.plan.intervals import Interval
from locality.sql.evaluate import numbers_of
from locality.types import BIGINT, Domain

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class NumberedText:
    """A ``text`` or ``opaque`` column, its value number ``i`` at row ``firsts[i]``, and that number in every row."""

    source: EncodedColumn
    firsts: Rows
    numbers: EncodedColumn

    @property
    def bounds(self) -> Interval:
        return Interval(0, max(len(self.firsts) - 1, 0))

    def texts_of(self, numbers: EncodedColumn) -> Deferred:
        """The strings that have these numbers; NULL is NULL."""
        flat = expand(numbers)
        assert flat.codes is not None
        rows = np.append(self.firsts, 0)[flat.codes]
        if flat.validity is not None:
            rows = np.where(to_mask(flat.validity, flat.length), rows, -1)
        dtype = self.source.type
        segment = ColumnsSegment((self.source,), self.source.length)
        relation = Relation("", (dtype,), (None,), (segment,), float(dtype.row_bytes))
        return Deferred(relation, 0, rows, outer=flat.validity is not None)


def number_column(column: EncodedColumn) -> NumberedText:
    """The values of a ``text`` or ``opaque`` column by numbers."""
    if column.encoding == "text":
        _, first_rows = number_texts(column)
        firsts = np.flatnonzero(first_rows == np.arange(column.length))
        ranks = np.empty(column.length, np.int64)
        ranks[firsts] = np.arange(len(firsts))
        codes = ranks[first_rows]
    else:
        _, firsts, codes = np.unique(numbers_of(decode(column)).to_numpy(), return_index=True, return_inverse=True)
    numbers = EncodedColumn(BIGINT, "plain", column.length, codes=codes, validity=column.validity)
    return NumberedText(column, firsts, numbers)


@dataclass(frozen=True, eq=False)
class NumberedInputs:
    """The collected rows of an aggregation that kernels can read, the aggregation over them, and texts by key."""

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
    """Replaces raw strings by numbers, or by codes of a dictionary where an aggregate compares them."""
    columns: list[EncodedColumn | Deferred] = list(batch.columns)
    intervals = list(batch.intervals)
    compared = {arg.index for c in inputs.calls if c.name != "count" for arg in c.args if isinstance(arg, ColumnRef)}
    numbered: dict[int, NumberedText] = {}
    for index in _read(inputs):
        if inputs.expressions[index].type.domain not in (Domain.STRING, Domain.NESTED):
            continue
        column = columns[index] = batch.column(index)
        if column.encoding not in ("text", "opaque"):
            continue
        execution.reserve(24 * column.length, "the numbers of strings")
        if index in compared and column.encoding == "opaque":
            raise Unsupported(f"extremes of {column.type}")
        if index in compared:
            columns[index] = to_dictionary(column)
        else:
            text = numbered[index] = number_column(column)
            columns[index], intervals[index] = text.numbers, text.bounds

    def local(expression: Expression) -> Expression:
        if isinstance(expression, ColumnRef) and expression.index in numbered:
            return replace(expression, type=BIGINT)
        return expression

    calls = tuple(call.mapped(local) for call in inputs.calls)
    keys: Sequence[ColumnRef] = [key for key in map(local, inputs.groups) if isinstance(key, ColumnRef)]
    texts = {position: numbered[key.index] for position, key in enumerate(keys) if key.index in numbered}
    expressions = tuple(map(local, inputs.expressions))
    return NumberedInputs(
        Batch(tuple(columns), batch.row_count, tuple(intervals)), Inputs(expressions, tuple(keys), calls), texts
    )


def _read(inputs: Inputs) -> list[int]:
    arguments = (arg for call in inputs.calls for arg in call.args)
    return sorted({e.index for e in (*inputs.groups, *arguments) if isinstance(e, ColumnRef)})
