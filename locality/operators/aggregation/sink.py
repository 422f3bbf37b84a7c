"""The end of a pipeline that adds rows to the state of groups with numbers, or to that of one group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar, Var
from locality.operators.aggregation.accumulators import COMBINE, Slot, Slots, fresh, update_others, update_slots
from locality.operators.aggregation.grouping import DenseGroups
from locality.operators.aggregation.matched import MatchedGroups
from locality.operators.aggregation.packing import plan_few_groups
from locality.operators.codegen.block import Block, Row, materialise
from locality.operators.pipeline import MORSEL_ROWS
from locality.plan.expressions import Expression, walk

AnyArray = npt.NDArray[Any]

#: Below this share of surviving rows, grouped updates run over positions instead of all rows.
_SELECT_BELOW = 0.25


@dataclass(frozen=True, eq=False)
class AggregateSink:
    """Adds every active row to the slots of its group; without ``groups`` there is one group, number 0.

    The last group is where rows go that a mask excludes, so that updates need no branch. If ``clustered``, a morsel's
    state covers only the groups from a first one on: a third state array holds its number, and how many there are.
    morsel_rows: the most rows that a worker should take at a time.
    """

    groups: DenseGroups | MatchedGroups | None
    slots: Slots
    clustered: bool = False
    morsel_rows: int = MORSEL_ROWS

    @property
    def reads(self) -> Sequence[Expression]:
        keys = () if self.groups is None else self.groups.reads
        return (*keys, *self.slots.reads)

    @property
    def state(self) -> Sequence[Array]:
        window = (Array(Scalar.I64),) if self.clustered else ()
        return (Array(Scalar.I64, 2), Array(Scalar.F64, 2), *window, *(Array(Scalar.U8) for _ in self.slots.seen))

    @property
    def group_bytes(self) -> int:
        """Bytes of a group's slots."""
        seen = sum(marks.width for marks in self.slots.seen)
        return 8 * (len(self.slots.integers) + len(self.slots.floats)) + seen

    def prefers_selection(self, selectivity: float) -> bool:
        return isinstance(self.groups, MatchedGroups) or (self.groups is not None and selectivity < _SELECT_BELOW)

    def fresh_state(self, groups: int) -> tuple[AnyArray, ...]:
        """State of ``groups`` groups without any row: integers, floats, and what was seen."""
        seen = (np.zeros(groups * marks.width, dtype=np.uint8) for marks in self.slots.seen)
        return fresh(self.slots.integers, groups, np.int64), fresh(self.slots.floats, groups, np.float64), *seen

    def emit(self, block: Block, state: Sequence[Var]) -> None:
        integers, floats = state[:2]
        seen = state[3 if self.clustered else 2 :]
        window = state[2] if self.clustered else None
        if self.groups is None:
            self._emit_one_group(block, b.const_i64(0), (integers, floats, *seen))
        elif block.are_even(self.groups.reads):
            block.prepare(self.groups.reads)
            number = self._number(block.any_row, self.groups, self._bounds(block, window))
            self._emit_one_group(block, block.builder.assign(number, "group"), (integers, floats, *seen))
        else:
            self._emit_grouped(block, self.groups, (integers, floats, *seen), window)

    def _emit_one_group(self, block: Block, group: ir.Expr, state: Sequence[Var]) -> None:
        """Adds all active rows to one group: each cell is met once a block."""
        integers, floats, *seen = state
        for position, slot in enumerate(self.slots.integers):
            self._emit_reduction(block, slot, integers, (group, b.const_i64(position)))
        for position, slot in enumerate(self.slots.floats):
            self._emit_float_sum(block, slot, floats, (group, b.const_i64(position)))
        for moments in self.slots.moments:
            with block.rows(moments.reads) as row:
                moments.emit(row, group, integers, floats)
        for marks, array in zip(self.slots.seen, seen, strict=True):
            with block.rows(marks.reads) as row:
                marks.emit(row, group, array)

    def _emit_reduction(self, block: Block, slot: Slot, cells: Var, at: tuple[ir.Expr, ir.Expr]) -> None:
        """One vectorised loop that reduces a block to one value."""
        if slot.is_separate:
            return
        if slot.part == "one" and slot.condition is None:
            block.builder.update("+", cells, at, block.remaining)
            return
        total = block.builder.assign(b.const(slot.identity, Scalar.I64), "total")
        with block.rows(slot.reads) as row:
            contribution = slot.emit(row)
            block.builder.set(total, COMBINE[slot.op](total, contribution))
        block.builder.update(slot.op, cells, at, total)

    def _emit_float_sum(self, block: Block, slot: Slot, cells: Var, at: tuple[ir.Expr, ir.Expr]) -> None:
        """Floats are added in a fixed interleaved order, so that equal data has an equal sum."""
        if slot.is_separate:
            return
        values = block.local(Scalar.F64)
        with block.rows(slot.reads) as row:
            block.builder.store(values, row.ordinal, slot.emit(row))
        block.builder.update("+", cells, at, b.call("sum_floats", values, block.active))

    @staticmethod
    def _bounds(block: Block, window: Var | None) -> tuple[Var, Var] | None:
        """The first group of a clustered state, and how many it has."""
        if window is None:
            return None
        hoist = block.builder.hoist
        return hoist(b.load(window, b.const_i64(0))), hoist(b.load(window, b.const_i64(1)))

    @staticmethod
    def _number(row: Row, groups: DenseGroups | MatchedGroups, bounds: tuple[Var, Var] | None) -> ir.Expr:
        """The number of a row's group in the state."""
        number = groups.emit(row)
        return number if bounds is None else b.sub(number, bounds[0])

    def _emit_grouped(
        self, block: Block, groups: DenseGroups | MatchedGroups, state: Sequence[Var], window: Var | None
    ) -> None:
        integers, floats, *seen = state
        keys = groups.reads
        arguments = self.slots.reads
        bounds = self._bounds(block, window)
        if block.selection is not None:
            with block.rows([*keys, *arguments]) as row:
                update_slots(row, self._number(row, groups, bounds), integers, floats, self.slots, seen)
            return
        assert isinstance(groups, DenseGroups), "matches are looked up for a selection of rows"
        for argument in sorted(set(arguments), key=_size):
            materialise(block, argument)
        if self._emit_piece(block, groups, integers, bounds):
            return
        few = plan_few_groups(block, groups.count, self.slots.integers)
        type = Scalar.I64 if few is None else Scalar.U8
        numbers = block.local(type)
        with block.rows(keys) as row:
            number = self._number(row, groups, bounds)
            if row.active is not None:
                excluded = row.integer(groups.count) if bounds is None else bounds[1]
                number = b.select(row.active, number, excluded)
            block.builder.store(numbers, row.index, b.convert(number, type))
        if few is not None:
            few.emit(numbers, integers, lambda group: group)
            if not self.slots.has_others:
                return
        update = update_slots if few is None else update_others
        with block.rows(arguments) as row:
            unmasked = Row(block, row.index, None, row.ordinal)
            number = b.convert(b.load(numbers, row.index), Scalar.I64)
            update(unmasked, number, integers, floats, self.slots, seen)

    def _emit_piece(self, block: Block, groups: DenseGroups, cells: Var, bounds: tuple[Var, Var] | None) -> bool:
        """Adds the rows of a piece in which one key alone changes to the few groups that it tells apart, if it can."""
        uneven = [key for key in groups.keys if not block.are_even([key.expression])]
        if not block.runs or len(uneven) != 1 or self.slots.has_others:
            return False
        key = replace(uneven[0], stride=1)
        few = plan_few_groups(block, key.digits, self.slots.integers, is_piece=True)
        if few is None:
            return False
        even = replace(groups, keys=tuple(other for other in groups.keys if other not in uneven))
        block.prepare(even.reads)
        first = block.builder.assign(self._number(block.any_row, even, bounds), "first")
        numbers = block.local(Scalar.U8)
        with block.rows([key.expression]) as row:
            number = key.emit(row)
            if row.active is not None:
                number = b.select(row.active, number, row.integer(key.digits))
            block.builder.store(numbers, row.index, b.convert(number, Scalar.U8))
        stride = b.const_i64(uneven[0].stride)
        few.emit(numbers, cells, lambda group: b.add(first, b.mul(group, stride)))
        return True


def _size(expression: Expression) -> int:
    return sum(1 for _ in walk(expression))
