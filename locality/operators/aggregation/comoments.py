"""Running moments of pairs of floats: means, products of deviations, squared deviations, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.operators.codegen.block import Row
from locality.plan.expressions import Expression
from locality.plan.functions.base import all_valid, as_double, both, is_true

Cells = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class CoMoments:
    """What covariance, correlation and regression are made of, over the pairs without NULL (Welford, 1962).

    count: the position of an integer slot that this alone adds to; mean: of the first of five float slots: the mean of
    ``first``, that of ``second``, the products of both deviations, the squared ones of ``first``, those of ``second``.
    """

    first: Expression
    second: Expression
    condition: Expression | None
    count: int
    mean: int
    #: The primitive that adds up moments of parts.
    fold: ClassVar[str] = "fold_comoments"

    @property
    def reads(self) -> tuple[Expression, ...]:
        pair = (self.first, self.second)
        return pair if self.condition is None else (*pair, self.condition)

    def emit(self, row: Row, group: ir.Expr, integers: ir.Var, floats: ir.Var) -> None:
        """Emits the update by the current row."""
        builder = row.block.builder
        values = tuple(as_double(row.emit(argument)) for argument in (self.first, self.second))
        takes_part = both(row.active, all_valid(values))
        if self.condition is not None:
            takes_part = both(takes_part, is_true(row.emit(self.condition)))
        numbers = [builder.assign(value.expr) for value in values]
        at_count = (group, b.const_i64(self.count))
        at = [(group, b.const_i64(self.mean + part)) for part in range(5)]
        with builder.when(b.const(True, Scalar.BOOL) if takes_part is None else takes_part):
            count = builder.assign(b.add(b.load(integers, *at_count), b.const_i64(1)))
            builder.store(integers, at_count, count)
            before, after = [], []
            for number, place in zip(numbers, at, strict=False):
                old = builder.assign(b.load(floats, *place))
                new = builder.assign(b.add(old, b.div(b.sub(number, old), b.convert(count, Scalar.F64))))
                builder.store(floats, place, new)
                before.append(builder.assign(b.sub(number, old)))
                after.append(builder.assign(b.sub(number, new)))
            for place, product in zip(at[2:], ((0, 1), (0, 0), (1, 1)), strict=True):
                builder.update("+", floats, place, b.mul(before[product[0]], after[product[1]]))

    def add_rows(self, into: tuple[Cells, Cells], numbers: Cells, other: tuple[Cells, Cells]) -> None:
        """Adds row ``i`` of ``other`` to row ``numbers[i]`` of ``into`` (Chan, Golub and LeVeque, 1983)."""
        rows = len(numbers)
        n_old, n_new = into[0][numbers, self.count], other[0][:rows, self.count]
        share = n_new / np.maximum(n_old + n_new, 1)
        weight = np.where((n_new > 0) & (n_old > 0), n_old * share, 0.0)
        both_deltas = [other[1][:rows, self.mean + i] - into[1][numbers, self.mean + i] for i in range(2)]
        for i, delta in enumerate(both_deltas):
            into[1][numbers, self.mean + i] += np.where(n_new > 0, delta * share, 0.0)
        for part, (i, j) in enumerate(((0, 1), (0, 0), (1, 1)), 2):
            into[1][numbers, self.mean + part] += (
                other[1][:rows, self.mean + part] + both_deltas[i] * both_deltas[j] * weight
            )
        into[0][numbers, self.count] = n_old + n_new
