"""Aggregates whose value is that of one row of each group: the row is found first, and the value gathered at the end.

``min`` and ``max`` of raw strings compare bytes, without a dictionary; ``first``, ``last``, ``any_value``, ``arg_min``
and ``arg_max`` compare words that order as what they go by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.encodings.bitmaps import from_mask, to_mask
from locality.errors import Unsupported
from locality.kernel.loader import primitive
from locality.operators.aggregation.distinct import first_rows, passing_rows
from locality.operators.ordering.fields import Field, Words, fields_of
from locality.operators.ordering.order import PART_ROWS, cut
from locality.operators.ordering.words import words_of
from locality.operators.physical import Execution
from locality.operators.relations.batch import Batch
from locality.plan.expressions import AggregateCall, ColumnRef, Expression
from locality.types import BIGINT

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

#: Functions whose row a word tells; and those of them that pass over rows in which an argument is NULL.
_BY_WORD = frozenset({"first", "last", "any_value", "arg_min", "arg_max"})
_OF_KNOWN = frozenset({"any_value", "arg_min", "arg_max"})


def is_leading(call: AggregateCall) -> bool:
    """Whether a call's value is that of a row which a word may tell."""
    return call.name in _BY_WORD and not call.distinct and isinstance(call.args[0], ColumnRef)


@dataclass(frozen=True, eq=False)
class Leaders:
    """The rows of a batch by the groups of ``keys``, columns that kernels read."""

    batch: Batch
    keys: Sequence[int]
    execution: Execution
    _owners: list[Rows] = field(default_factory=list)

    def rows(self, call: AggregateCall, column: EncodedColumn) -> EncodedColumn:
        """The numbers of the rows that lead their group, one a group at most; NULL in all other rows.

        call: whose argument is the column, a ``text`` one for ``min`` and ``max``. Raises Unsupported for an order that
        no word tells.
        """
        best = np.full(column.length, -1, np.int64)
        if call.name in _BY_WORD:
            eligible = self._eligible(call, column.length)
            primitive("leading_rows")(self._words(call), eligible, self._owner_of_rows(), best)
        else:
            assert column.data is not None and column.offsets is not None
            eligible = self._eligible(call, column.length)
            data = column.data if len(column.data) else np.zeros(1, np.uint8)
            primitive("leading_texts")(data, column.offsets, eligible, self._owner_of_rows(), call.name == "max", best)
        leads = np.zeros(column.length, np.bool_)
        leads[best[best >= 0]] = True
        numbers = np.arange(column.length, dtype=np.int64)
        return EncodedColumn(BIGINT, "plain", column.length, codes=numbers, validity=from_mask(leads))

    def _eligible(self, call: AggregateCall, rows: int) -> Mask:
        """The rows that pass the call's filter, without those that have NULL where that does not count."""
        eligible = np.ones(rows, np.bool_)
        if call.filter is not None:
            eligible[:] = False
            eligible[passing_rows(self.batch, call.filter)] = True
        if call.name in _OF_KNOWN or call.name not in _BY_WORD:
            for argument in call.args:
                column = self._column(argument)
                if column.all_null:
                    eligible[:] = False
                elif column.validity is not None:
                    eligible &= to_mask(column.validity, rows)
        return eligible

    def _words(self, call: AggregateCall) -> Words:
        """A word a row, the least of which leads; of equal ones the first does."""
        rows = self.batch.row_count
        if call.name == "last":
            return np.arange(rows, 0, -1, dtype=np.uint64)
        words = words_of(self._fields(call))
        if len(words) > 1:
            raise Unsupported(f"{call.name} by more than 64 bits")
        if not words:
            return np.zeros(rows, np.uint64)
        read = np.empty(rows, np.uint64)

        def fill(worker: int, part: slice) -> None:
            read[part] = words[0].read(part)

        self.execution.run(cut(rows, PART_ROWS), fill)
        return read

    def _fields(self, call: AggregateCall) -> list[Field]:
        """What the rows of a group are compared by."""
        if call.name in ("arg_min", "arg_max"):
            known = self._column(call.args[1])  # rows where it is NULL do not count
            return fields_of(replace(known, validity=None), call.name == "arg_max")
        keyed = ((self._column(key.expression), key) for key in call.keys)
        return [f for column, key in keyed for f in fields_of(column, key.descending, key.nulls_first)]

    def _column(self, expression: Expression) -> EncodedColumn:
        if not isinstance(expression, ColumnRef):
            raise Unsupported("the extreme of a constant")
        return self.batch.column(expression.index)

    def _owner_of_rows(self) -> Rows:
        """For each row one of its group, the same for all of these."""
        if not self._owners:
            rows = self.batch.row_count
            self.execution.reserve(32 * rows, "the leading rows of an aggregation")
            none = np.zeros(rows, np.int64)
            self._owners.append(first_rows(self.batch, self.keys, self.execution) if self.keys and rows else none)
        return self._owners[0]


def numbered_extreme(call: AggregateCall, column: ColumnRef) -> AggregateCall:
    """The aggregate that gives the number of the row that leads each group."""
    return replace(call, name="max", args=(column,), type=BIGINT, distinct=False, filter=None, keys=())
