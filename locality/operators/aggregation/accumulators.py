"""Aggregates taken apart into accumulator slots, and put together again at the end.

A slot is one 64-bit cell a group that a kernel adds to, takes the minimum or maximum of, or joins bits with. Integer
sums are exact: one slot where the bounds prove that it can't overflow, else two, of the low and high halves of the
values. Equal slots of different aggregates are kept once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from locality import memory
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.operators.aggregation.comoments import CoMoments
from locality.operators.aggregation.seen import Marks
from locality.operators.codegen.block import Row
from locality.plan import lanes
from locality.plan.expressions import Expression
from locality.plan.functions.base import Value, as_double, both, is_true
from locality.plan.intervals import BOOLEAN, INT64_MAX, INT64_MIN, Interval

Cells = npt.NDArray[Any]
_LOW_HALF = 0xFFFF_FFFF
_UFUNCS = {
    "+": np.add,
    "min": np.minimum,
    "max": np.maximum,
    "&": np.bitwise_and,
    "|": np.bitwise_or,
    "^": np.bitwise_xor,
}
_IDENTITIES = {"+": 0, "min": INT64_MAX, "max": INT64_MIN, "&": -1, "|": 0, "^": 0}
COMBINE: Mapping[str, Callable[[ir.Expr, ir.Expr], ir.Expr]] = {
    "+": b.add,
    "min": b.minimum,
    "max": b.maximum,
    "&": b.and_,
    "|": b.or_,
    "^": b.xor,
}
"""What a slot's operation makes of a total and one value more."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One cell a group.

    op: ``+``, ``min``, ``max``, ``&``, ``|`` or ``^``. part: which function of the argument goes in: ``one`` (no
    argument), ``valid`` (one where the argument is true), ``value``, ``low``, ``high`` (halves of an integer), ``real``
    (as a double), ``key`` (a float's ordered key), or ``moments`` or ``seen`` (a cell of :class:`Moments` or
    :class:`Marks`, which update it).
    condition: the aggregate's FILTER.
    """

    op: str
    part: str
    argument: Expression | None = None
    condition: Expression | None = None

    @property
    def is_separate(self) -> bool:
        """Whether something else than the slot itself updates its cell."""
        return self.part in ("moments", "seen")

    @property
    def scalar(self) -> Scalar:
        return Scalar.F64 if self.part == "real" else Scalar.I64

    @property
    def identity(self) -> int | float:
        """What a group starts from."""
        return _IDENTITIES[self.op]

    @property
    def reads(self) -> tuple[Expression, ...]:
        return tuple(e for e in (self.argument, self.condition) if e is not None)

    def emit(self, row: Row) -> ir.Expr:
        """What the current row contributes; the identity where it does not take part."""
        return self.contribution(row).expr

    def contribution(self, row: Row) -> Value:
        """The same, with the bounds of an integer."""
        value = None if self.argument is None else row.emit(self.argument)
        takes_part = row.active
        if self.condition is not None:
            takes_part = both(takes_part, is_true(row.emit(self.condition)))
        if value is not None:
            takes_part = both(takes_part, is_true(value) if self.part == "valid" else value.valid)
        contribution = _contribution(self.part, value)
        if takes_part is None:
            return contribution
        if self.part in ("one", "valid"):
            return Value(b.convert(takes_part, Scalar.I64), bounds=BOOLEAN)
        expr, bounds = contribution.expr, contribution.bounds
        if self.op == "+" and bounds is not None:
            narrow = lanes.narrow(expr, bounds)
            chosen = b.select(takes_part, narrow, b.const(0, lanes.lane_of(bounds)))
            return Value(lanes.wide(chosen), bounds=bounds | Interval(0, 0))
        return Value(b.select(takes_part, expr, b.const(self.identity, self.scalar)))


def _contribution(part: str, value: Value | None) -> Value:
    if value is None or part in ("one", "valid"):
        return Value(b.const_i64(1), bounds=Interval(1, 1))
    match part:
        case "real":
            return Value(as_double(value).expr)
        case "key":
            return Value(b.call("ordered_key", as_double(value).expr))
        case "low":
            return Value(b.and_(_integer(value), b.const_i64(_LOW_HALF)), bounds=Interval(0, _LOW_HALF))
        case "high":
            bounds = Interval(value.range.low >> 32, value.range.high >> 32)
            return Value(b.shift_right(_integer(value), b.const_i64(32)), bounds=bounds)
        case _:
            return Value(_integer(value), bounds=value.range)


def _integer(value: Value) -> ir.Expr:
    return b.convert(value.expr, Scalar.I64)


@dataclass(frozen=True, slots=True)
class Moments:
    """Running mean and sum of squared deviations of floats (Welford), which stay accurate where sums of squares do not.

    count: the position of an integer slot that this alone adds to; mean: of the float slot, with the squares after it.
    """

    argument: Expression
    condition: Expression | None
    count: int
    mean: int
    #: The primitive that adds up moments of parts.
    fold: ClassVar[str] = "fold_moments"

    @property
    def reads(self) -> tuple[Expression, ...]:
        return (self.argument,) if self.condition is None else (self.argument, self.condition)

    def emit(self, row: Row, group: ir.Expr, integers: ir.Var, floats: ir.Var) -> None:
        """Emits the update by the current row."""
        builder = row.block.builder
        value = as_double(row.emit(self.argument))
        takes_part = both(row.active, value.valid)
        if self.condition is not None:
            takes_part = both(takes_part, is_true(row.emit(self.condition)))
        number = builder.assign(value.expr)
        at_count, at_mean, at_squares = (
            (group, b.const_i64(position)) for position in (self.count, self.mean, self.mean + 1)
        )
        with builder.when(b.const(True, Scalar.BOOL) if takes_part is None else takes_part):
            count = builder.assign(b.add(b.load(integers, *at_count), b.const_i64(1)))
            old = builder.assign(b.load(floats, *at_mean))
            new = builder.assign(b.add(old, b.div(b.sub(number, old), b.convert(count, Scalar.F64))))
            builder.store(integers, at_count, count)
            builder.store(floats, at_mean, new)
            builder.update("+", floats, at_squares, b.mul(b.sub(number, new), b.sub(number, old)))

    def add_rows(self, into: tuple[Cells, Cells], numbers: Cells, other: tuple[Cells, Cells]) -> None:
        """Adds row ``i`` of ``other`` to row ``numbers[i]`` of ``into`` (Chan, Golub and LeVeque)."""
        rows, mean, squares = len(numbers), self.mean, self.mean + 1
        n_old, n_new = into[0][numbers, self.count], other[0][:rows, self.count]
        total = n_old + n_new
        delta = other[1][:rows, mean] - into[1][numbers, mean]
        share = n_new / np.maximum(total, 1)
        into[1][numbers, mean] += np.where(n_new > 0, delta * share, 0.0)
        cross = np.where((n_new > 0) & (n_old > 0), delta * delta * n_old * share, 0.0)
        into[1][numbers, squares] += other[1][:rows, squares] + cross
        into[0][numbers, self.count] = total


_Moments = TypeVar("_Moments", Moments, CoMoments)


@dataclass
class Slots:
    """The slots of all aggregates of an operator, integer and float cells apart, and those updated together."""

    integers: list[Slot] = field(default_factory=list)
    floats: list[Slot] = field(default_factory=list)
    moments: list[Moments | CoMoments] = field(default_factory=list)
    seen: list[Marks] = field(default_factory=list)
    _positions: dict[Slot, int] = field(default_factory=dict)

    def add(self, slot: Slot) -> Reader:
        """Registers a slot; returns what reads its cells, shape (groups,), out of the final state."""
        is_float = slot.scalar is Scalar.F64
        slots = self.floats if is_float else self.integers
        position = self._positions.setdefault(slot, len(slots))
        if position == len(slots):
            slots.append(slot)
        return lambda integers, floats: (floats if is_float else integers)[:, position]

    def add_moments(self, argument: Expression, condition: Expression | None) -> tuple[Reader, Reader]:
        """Registers mean and squared deviations; returns what reads the count and the sum of squared deviations."""
        known = self._separate(Moments(argument, condition, len(self.integers), len(self.floats)), 2)
        count, squares = known.count, known.mean + 1
        return lambda integers, floats: integers[:, count], lambda integers, floats: floats[:, squares]

    def add_comoments(
        self, first: Expression, second: Expression, condition: Expression | None
    ) -> tuple[Reader, tuple[Reader, ...]]:
        """Registers the moments of pairs; returns what reads the count, and each of the five floats."""
        known = self._separate(CoMoments(first, second, condition, len(self.integers), len(self.floats)), 5)

        def read(position: int) -> Reader:
            return lambda integers, floats: floats[:, position]

        return lambda integers, floats: integers[:, known.count], tuple(read(known.mean + i) for i in range(5))

    def _separate(self, new: _Moments, floats: int) -> _Moments:
        """The moments that read what ``new`` does, which is registered if there are none, with so many floats."""
        for known in self.moments:
            if isinstance(known, type(new)) and known.reads == new.reads and known.condition == new.condition:
                return known
        self.integers.append(Slot("+", "moments"))
        self.floats += [Slot("+", "moments")] * floats
        self.moments.append(new)
        return new

    def add_marks(self, marks: Callable[[int], Marks]) -> Reader:
        """Registers what ``marks`` makes of the position of a slot, which it writes to in the end."""
        position = len(self.integers)
        self.integers.append(Slot("+", "seen"))
        self.seen.append(marks(position))
        return lambda integers, floats: integers[:, position]

    @property
    def has_others(self) -> bool:
        """Whether there is more than integer slots that update themselves."""
        return bool(self.floats or self.moments or self.seen)

    @property
    def reads(self) -> list[Expression]:
        """The expressions of all slots."""
        parts: list[Slot | Moments | CoMoments | Marks] = [*self.integers, *self.floats, *self.moments, *self.seen]
        return [e for part in parts for e in part.reads]

    def add_rows(self, into: tuple[Cells, Cells], numbers: Cells, other: tuple[Cells, Cells]) -> None:
        """Adds row ``i`` of ``other`` to row ``numbers[i]`` of ``into`` (integers, floats); all numbers differ."""
        for moments in self.moments:
            moments.add_rows(into, numbers, other)
        for cells, more, slots in zip(into, other, (self.integers, self.floats), strict=True):
            for position, slot in enumerate(slots):
                if slot.is_separate:
                    continue
                column = cells[:, position]
                column[numbers] = _UFUNCS[slot.op](column[numbers], more[: len(numbers), position])

    def add_all(self, into: tuple[Cells, Cells], other: tuple[Cells, Cells]) -> None:
        """Adds every row of ``other`` to the same row of ``into``."""
        for moments in self.moments:
            moments.add_rows(into, np.arange(len(into[0])), other)
        for cells, more, slots in zip(into, other, (self.integers, self.floats), strict=True):
            for position, slot in enumerate(slots):
                if not slot.is_separate:
                    column = cells[:, position]
                    _UFUNCS[slot.op](column, more[:, position], out=column)


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


def merge(slots: Slots, parts: list[tuple[Cells, Cells]]) -> tuple[Cells, Cells]:
    """The state of all workers in one, the first: integers and floats, shapes (groups, slots)."""
    first, *others = parts
    for other in others:
        slots.add_all(first, other)
    return first


def combine(numbers: Cells, integers: Cells, floats: Cells, slots: Slots) -> tuple[Cells, Cells, Cells]:
    """Parts of groups, a row each by group number, added up to one row a group, in ascending order of the numbers."""
    if np.all(numbers[1:] > numbers[:-1]):
        return numbers, integers, floats
    order = np.argsort(numbers, kind="stable")
    numbers, integers = numbers[order], integers[order]
    floats = floats[order] if slots.floats else floats
    first = np.concatenate(([True], numbers[1:] != numbers[:-1]))
    starts = np.flatnonzero(first)
    group = np.cumsum(first) - 1
    turn = np.arange(len(numbers)) - starts[group]
    result = (integers[starts], floats[starts] if slots.floats else floats)
    for number in range(1, int(turn.max()) + 1):
        rows = np.flatnonzero(turn == number)
        slots.add_rows(result, group[rows], (integers[rows], floats[rows] if slots.floats else floats))
    return numbers[starts], *result


def update_slots(
    row: Row, number: ir.Expr, integers: ir.Var, floats: ir.Var, slots: Slots, seen: Sequence[ir.Var] = ()
) -> None:
    """Emits the updates of all slots of group ``number`` by the current row."""
    group = row.block.builder.assign(number, "group")
    _update(row, group, integers, slots.integers)
    update_others(row, group, integers, floats, slots, seen)


def _update(row: Row, group: ir.Expr, cells: ir.Var, slots: Sequence[Slot]) -> None:
    for position, slot in enumerate(slots):
        if not slot.is_separate:
            row.block.builder.update(slot.op, cells, (group, b.const_i64(position)), slot.emit(row))


def update_others(
    row: Row, group: ir.Expr, integers: ir.Var, floats: ir.Var, slots: Slots, seen: Sequence[ir.Var]
) -> None:
    """Emits the updates of all but integer slots of a group by the current row."""
    _update(row, group, floats, slots.floats)
    for moments in slots.moments:
        moments.emit(row, group, integers, floats)
    for marks, array in zip(slots.seen, seen, strict=True):
        marks.emit(row, group, array)


def fresh(slots: list[Slot], groups: int, dtype: type) -> Cells:
    """State for ``groups`` groups, every cell its slot's identity; without slots a single cell, which nobody reads."""
    if not slots:
        return np.zeros((1, 1), dtype=dtype)
    state: Cells = memory.zeros((groups, len(slots)), dtype, "the groups of an aggregation")
    for position, slot in enumerate(slots):
        if slot.identity != 0:
            state[:, position] = slot.identity
    return state
