"""Aggregates taken apart into accumulator slots, and put together again at the end.

A slot is one 64-bit cell a group that a kernel adds to, or takes the minimum or maximum of. Integer sums are exact: one
slot where the bounds prove that it can't overflow, else two, of the low and high halves of the values. Equal slots of
different aggregates are kept once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.operators.block import Row
from locality.plan.expressions import Expression
from locality.plan.functions.base import Value, as_double, both, is_true
from locality.plan.intervals import INT64_MAX, INT64_MIN, Interval

Cells = npt.NDArray[Any]
_LOW_HALF = 0xFFFF_FFFF
_UFUNCS = {"+": np.add, "min": np.minimum, "max": np.maximum}


@dataclass(frozen=True, slots=True)
class Slot:
    """One cell a group.

    op: ``+``, ``min`` or ``max``. part: which function of the argument goes in: ``one`` (no argument), ``valid``,
    ``value``, ``low``, ``high`` (halves of an integer), ``real`` (as a double), ``key`` (a float's ordered key).
    condition: the aggregate's FILTER.
    """

    op: str
    part: str
    argument: Expression | None = None
    condition: Expression | None = None

    @property
    def scalar(self) -> Scalar:
        return Scalar.F64 if self.part == "real" else Scalar.I64

    @property
    def identity(self) -> int | float:
        """What a group starts from."""
        if self.op == "+":
            return 0
        return INT64_MAX if self.op == "min" else INT64_MIN

    @property
    def reads(self) -> tuple[Expression, ...]:
        return tuple(e for e in (self.argument, self.condition) if e is not None)

    def emit(self, row: Row) -> ir.Expr:
        """What the current row contributes; the identity where it does not take part."""
        value = None if self.argument is None else row.emit(self.argument)
        takes_part = row.active
        if self.condition is not None:
            takes_part = both(takes_part, is_true(row.emit(self.condition)))
        if value is not None:
            takes_part = both(takes_part, value.valid)
        contribution = _contribution(self.part, value)
        if takes_part is None:
            return contribution
        if self.part in ("one", "valid"):
            return b.convert(takes_part, Scalar.I64)
        return b.select(takes_part, contribution, b.const(self.identity, self.scalar))


def _contribution(part: str, value: Value | None) -> ir.Expr:
    if value is None or part in ("one", "valid"):
        return b.const_i64(1)
    match part:
        case "real":
            return as_double(value).expr
        case "key":
            return b.call("ordered_key", as_double(value).expr)
        case "low":
            return b.and_(_integer(value), b.const_i64(_LOW_HALF))
        case "high":
            return b.shift_right(_integer(value), b.const_i64(32))
        case _:
            return _integer(value)


def _integer(value: Value) -> ir.Expr:
    return b.convert(value.expr, Scalar.I64)


@dataclass
class Slots:
    """The slots of all aggregates of an operator, integer and float cells apart."""

    integers: list[Slot] = field(default_factory=list)
    floats: list[Slot] = field(default_factory=list)

    def add(self, slot: Slot) -> Reader:
        """Registers a slot; returns what reads its cells, shape (groups,), out of the final state."""
        is_float = slot.scalar is Scalar.F64
        slots = self.floats if is_float else self.integers
        if slot not in slots:
            slots.append(slot)
        position = slots.index(slot)
        return lambda integers, floats: (floats if is_float else integers)[:, position]

    def __iter__(self) -> Any:
        return iter((*self.integers, *self.floats))

    def add_rows(self, into: tuple[Cells, Cells], numbers: Cells, other: tuple[Cells, Cells]) -> None:
        """Adds row ``i`` of ``other`` to row ``numbers[i]`` of ``into`` (integers, floats); all numbers differ."""
        for cells, more, slots in zip(into, other, (self.integers, self.floats), strict=True):
            for position, slot in enumerate(slots):
                column = cells[:, position]
                column[numbers] = _UFUNCS[slot.op](column[numbers], more[: len(numbers), position])


#: Reads one slot's cells out of the state: integers of shape (groups, slots), floats likewise.
Reader = Callable[[Cells, Cells], Cells]


def add_sum(slots: Slots, argument: Expression, condition: Expression | None, bounds: Interval, rows: int) -> Reader:
    """The exact sum of integers: int64 cells, or Python integers (dtype object) where the sum may pass 64 bits."""
    total = bounds * Interval(0, max(rows, 1))
    if (total | bounds).fits_int64:
        return slots.add(Slot("+", "value", argument, condition))
    if rows >= 2**31:
        raise Unsupported("a sum of wide integers over more than two billion rows")
    low = slots.add(Slot("+", "low", argument, condition))
    high = slots.add(Slot("+", "high", argument, condition))

    def read(integers: Cells, floats: Cells) -> Cells:
        return high(integers, floats).astype(object) * 2**32 + low(integers, floats).astype(object)

    return read


def merge(slots: list[Slot], parts: list[Cells]) -> Cells:
    """The state of all workers in one; shapes (groups, slots)."""
    if len(parts) == 1:
        return parts[0]
    merged = parts[0]
    for position, slot in enumerate(slots):
        cells = [part[:, position] for part in parts]
        merged[:, position] = _UFUNCS[slot.op].reduce(cells)
    return merged


def combine(numbers: Cells, integers: Cells, floats: Cells, slots: Slots) -> tuple[Cells, Cells, Cells]:
    """Parts of groups, a row each by group number, added up to one row a group, in ascending order of the numbers."""
    if np.all(numbers[1:] > numbers[:-1]):
        return numbers, integers, floats
    if not np.all(numbers[1:] >= numbers[:-1]):
        order = np.argsort(numbers, kind="stable")
        numbers, integers = numbers[order], integers[order]
        floats = floats[order] if slots.floats else floats
    starts = np.flatnonzero(np.concatenate(([True], numbers[1:] != numbers[:-1])))
    return numbers[starts], _reduce(integers, slots.integers, starts), _reduce(floats, slots.floats, starts)


def _reduce(cells: Cells, slots: list[Slot], starts: Cells) -> Cells:
    if not slots:
        return cells
    columns = [_UFUNCS[slot.op].reduceat(cells[:, position], starts) for position, slot in enumerate(slots)]
    return np.stack(columns, axis=1)


def update_slots(row: Row, number: ir.Expr, integers: ir.Var, floats: ir.Var, slots: Slots) -> None:
    """Emits the updates of all slots of group ``number`` by the current row."""
    builder = row.block.builder
    group = builder.assign(number, "group")
    for cells, some in ((integers, slots.integers), (floats, slots.floats)):
        for position, slot in enumerate(some):
            builder.update(slot.op, cells, (group, b.const_i64(position)), slot.emit(row))


def fresh(slots: list[Slot], groups: int, dtype: type) -> Cells:
    """State for ``groups`` groups, every cell its slot's identity; without slots a single cell, which nobody reads."""
    if not slots:
        return np.zeros((1, 1), dtype=dtype)
    state = np.zeros((groups, len(slots)), dtype=dtype)
    for position, slot in enumerate(slots):
        if slot.identity != 0:
            state[:, position] = slot.identity
    return state
