"""What window calls read: columns of the collected input in the order of their window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, bitmaps, expand, take, without_rows
from locality.errors import Unsupported
from locality.operators.ordering.fields import fields_of
from locality.operators.ordering.keys import Keys, sort_keys
from locality.operators.ordering.order import Run, in_turn, order_of
from locality.operators.ordering.words import words_of
from locality.operators.relations.batch import Batch
from locality.operators.relations.relation import Positions
from locality.operators.values import column_of_values
from locality.operators.windows.ordered import Ordered
from locality.plan.expressions import ColumnRef, Constant, Expression

Numbers = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Input:
    """Columns of the collected rows by their positions, as the rows came, and the order for the calls of one window.

    run: runs tasks side by side, where this is not itself one of several such tasks.
    """

    columns: Mapping[int, EncodedColumn]
    ordered: Ordered
    run: Run = in_turn
    _taken: dict[int, EncodedColumn] = field(default_factory=dict)

    def column(self, expression: Expression) -> EncodedColumn:
        """An argument's values in the window's order."""
        match expression:
            case ColumnRef(index):
                if index not in self._taken:
                    self._taken[index] = expand(take(self.columns[index], self.ordered.order))
                return self._taken[index]
            case Constant(value, dtype):
                one = column_of_values([value], dtype)
                return expand(take(one, np.zeros(self.ordered.rows, dtype=np.int64)))
            case _:
                raise AssertionError("the input's expressions were collected")

    def codes(self, expression: Expression) -> Numbers:
        """Integers or floats in the window's order; two words a row where they have 128 bits."""
        flat = self.column(expression)
        if flat.codes is None or flat.encoding != "plain":
            raise Unsupported(f"window functions over values of {expression.type}")
        return flat.codes

    def numbers(self, expression: Expression) -> tuple[Numbers, Mask | None]:
        """Numbers of 64 bits at most in the window's order, and which are not NULL, None for all."""
        codes = self.codes(expression)
        if codes.ndim != 1:
            raise Unsupported(f"window functions over values of {expression.type}")
        return codes, self.valid(expression)

    def valid(self, expression: Expression) -> Mask | None:
        """Which values are not NULL, in the window's order; None for all."""
        rows = self.ordered.rows
        if not isinstance(expression, ColumnRef):
            return valid_rows(self.column(expression))
        column = self.columns[expression.index]
        if column.all_null:
            return np.zeros(rows, dtype=np.bool_)
        taken = bitmaps.take(column.validity, self.ordered.order)
        return None if taken is None else bitmaps.to_mask(taken, rows)

    def true(self, expression: Expression) -> Mask:
        """Where a condition is true, in the window's order."""
        codes, valid = self.numbers(expression)
        holds: Mask = codes != 0
        return holds if valid is None else holds & valid

    def sort_keys(self, expression: Expression, descending: bool) -> list[Keys]:
        """Integers that order as the values do, in the window's order; those of NULLs are arbitrary."""
        return sort_keys(replace(self.column(expression), validity=None), descending, nulls_first=False)

    def ranks(self, expression: Expression, descending: bool) -> Keys:
        """An integer a row, in the window's order, that orders rows by value; those of NULLs are arbitrary."""
        fields = fields_of(replace(self.column(expression), validity=None), descending)
        rows = self.ordered.rows
        match words_of(fields):
            case []:
                return np.zeros(rows, np.int64)
            case [word] if word.bits < 64:
                return word.read(slice(0, rows)).view(np.int64)
            case _:
                ranks = np.empty(rows, np.int64)
                ranks[order_of(fields, rows, self.run).rows] = self.ordered.position
                return ranks

    def gathered(self, expression: Expression, positions: Positions) -> EncodedColumn:
        """The values at positions in the window's order, one for each row in that order; -1 is NULL."""
        there = positions >= 0
        at = np.maximum(positions, 0)
        if isinstance(expression, ColumnRef):  # strings are copied once
            gathered = take(self.columns[expression.index], self.ordered.order[at])
        else:
            gathered = take(self.column(expression), at)
        return gathered if there.all() else without_rows(gathered, there)


def by_shards(
    columns: Mapping[int, EncodedColumn],
    shards: Sequence[Ordered],
    compute: Callable[[Input], list[EncodedColumn]],
    run: Run,
) -> list[list[EncodedColumn]]:
    """What ``compute`` gives for each shard of an order, several side by side; one alone may use all threads itself."""
    inner = run if len(shards) == 1 else in_turn
    parts: list[list[EncodedColumn]] = [[] for _ in shards]

    def work(worker: int, number: int) -> None:
        parts[number] = compute(Input(columns, shards[number], inner))

    run(range(len(shards)), work)
    return parts


def valid_rows(column: EncodedColumn) -> Mask | None:
    """Which values of a column are not NULL; None for all."""
    if column.all_null:
        return np.zeros(column.length, dtype=np.bool_)
    flat = expand(column)
    return None if flat.validity is None else bitmaps.to_mask(flat.validity, flat.length)


def columns_at(batch: Batch, indices: Iterable[int], run: Run) -> dict[int, EncodedColumn]:
    """Columns of a batch, gathered side by side."""
    wanted: Sequence[int] = sorted(set(indices))
    columns: dict[int, EncodedColumn] = {}

    def gather(worker: int, index: int) -> None:
        columns[index] = batch.column(index)

    run(wanted, gather)
    return columns
