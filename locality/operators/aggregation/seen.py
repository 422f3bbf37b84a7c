"""What rows leave marks in, bytes of each group, and a number is made of in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.operators.codegen.block import Row
from locality.plan.expressions import Expression
from locality.plan.functions.base import as_integer, both, is_true

Cells = npt.NDArray[Any]
#: Values from which on the marks of one group after the other are counted.
_LONG_MARKS = 1024


class Marks(Protocol):
    """Bytes of each group that rows leave marks in, and that a slot's number is made of in the end."""

    @property
    def reads(self) -> tuple[Expression, ...]: ...

    @property
    def width(self) -> int:
        """Bytes of a group."""

    def emit(self, row: Row, group: ir.Expr, state: ir.Var) -> None:
        """Emits the mark of the current row."""

    def merge(self, into: Cells, other: Cells) -> None:
        """Adds what another worker met."""

    def count(self, state: Cells, integers: Cells) -> None:
        """Writes each group's number to its slot."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Which values of a small domain each group has met, a byte a value: how values are counted without repetition.

    low, size: the values are ``low`` to ``low + size - 1``; byte ``size`` of a group is for rows that do not count.
    slot: the position of the integer slot that gets the number of values in the end.
    """

    argument: Expression
    condition: Expression | None
    low: int
    size: int
    slot: int

    @property
    def reads(self) -> tuple[Expression, ...]:
        return (self.argument,) if self.condition is None else (self.argument, self.condition)

    @property
    def width(self) -> int:
        """Bytes of a group."""
        return self.size + 1

    def emit(self, row: Row, group: ir.Expr, state: ir.Var) -> None:
        """Emits the mark of the current row's value."""
        value = row.emit(self.argument)
        takes_part = both(row.active, value.valid)
        if self.condition is not None:
            takes_part = both(takes_part, is_true(row.emit(self.condition)))
        number = value if value.dictionary is not None else as_integer(value)
        digit: ir.Expr = b.sub(number.expr, row.integer(self.low))
        if takes_part is not None:
            digit = b.select(takes_part, digit, row.integer(self.size))
        at = row.block.builder.assign(b.add(b.mul(group, row.integer(self.width)), digit))
        row.block.builder.store(state, at, b.const(1, Scalar.U8))

    def merge(self, into: Cells, other: Cells) -> None:
        """Adds what another worker met."""
        into |= other

    def count(self, state: Cells, integers: Cells) -> None:
        """Writes the number of values of each group to its slot."""
        marks = state.reshape(-1, self.width)[:, : self.size]
        if self.size < _LONG_MARKS:
            integers[:, self.slot] = marks.sum(axis=1)
        else:  # many of these are counted at a time, which sums of several rows do not do
            integers[:, self.slot] = [np.count_nonzero(each) for each in marks]
