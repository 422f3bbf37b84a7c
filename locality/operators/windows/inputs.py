"""What window calls read: columns of the collected input in the order of their window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, expand, take, without_rows
from locality.encodings.bitmaps import to_mask
from locality.errors import Unsupported
from locality.operators.ordering import Keys, sort_keys
from locality.operators.relations.batch import Batch
from locality.operators.relations.relation import Positions
from locality.operators.values import column_of_values
from locality.operators.windows.ordered import Ordered
from locality.plan.expressions import ColumnRef, Constant, Expression

Numbers = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Input:
    """The collected rows, and their order for the calls of one window."""

    batch: Batch
    ordered: Ordered

    def column(self, expression: Expression) -> EncodedColumn:
        """An argument's values, as the rows came."""
        match expression:
            case ColumnRef(index):
                return self.batch.column(index)
            case Constant(value, dtype):
                one = column_of_values([value], dtype)
                return take(one, np.zeros(self.batch.row_count, dtype=np.int64))
            case _:
                raise AssertionError("the input's expressions were collected")

    def codes(self, expression: Expression) -> Numbers:
        """Integers or floats in the window's order; two words a row where they have 128 bits."""
        flat = expand(self.column(expression))
        if flat.codes is None or flat.encoding != "plain":
            raise Unsupported(f"window functions over values of {expression.type}")
        ordered: Numbers = flat.codes[self.ordered.order]
        return ordered

    def numbers(self, expression: Expression) -> tuple[Numbers, Mask | None]:
        """Numbers of 64 bits at most in the window's order, and which are not NULL, None for all."""
        codes = self.codes(expression)
        if codes.ndim != 1:
            raise Unsupported(f"window functions over values of {expression.type}")
        return codes, self.valid(expression)

    def valid(self, expression: Expression) -> Mask | None:
        """Which values are not NULL, in the window's order; None for all."""
        valid = valid_rows(self.column(expression))
        return None if valid is None else valid[self.ordered.order]

    def true(self, expression: Expression) -> Mask:
        """Where a condition is true, in the window's order."""
        codes, valid = self.numbers(expression)
        holds: Mask = codes != 0
        return holds if valid is None else holds & valid

    def sort_keys(self, expression: Expression, descending: bool) -> list[Keys]:
        """Integers that order as the values do, in the window's order; those of NULLs are arbitrary."""
        flat = replace(expand(self.column(expression)), validity=None)
        return [keys[self.ordered.order] for keys in sort_keys(flat, descending, nulls_first=False)]

    def scattered(self, values: Numbers) -> Numbers:
        """Values in the window's order, brought back into that of the rows."""
        result = np.empty_like(values)
        result[self.ordered.order] = values
        return result

    def gathered(self, expression: Expression, positions: Positions) -> EncodedColumn:
        """The values at positions in the window's order, one for each row in that order; -1 is NULL."""
        there = positions >= 0
        rows = self.scattered(np.where(there, self.ordered.order[np.maximum(positions, 0)], -1))
        gathered = take(self.column(expression), np.maximum(rows, 0))
        return gathered if there.all() else without_rows(gathered, rows >= 0)


def valid_rows(column: EncodedColumn) -> Mask | None:
    """Which values of a column are not NULL; None for all."""
    if column.all_null:
        return np.zeros(column.length, dtype=np.bool_)
    flat = expand(column)
    return None if flat.validity is None else to_mask(flat.validity, flat.length)
