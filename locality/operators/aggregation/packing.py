"""Few groups: every group's sums in registers, under a mask a group, and several sums in one 64-bit word.

Scattered updates wait for one another in memory. With few groups it is faster to add every row to the accumulators of
all of them, as zero to all but its own: these loops have no dependency but the sum itself, and vectorise. Bounds prove
how many bits the sum of a block can take, and small sums lie side by side in one word, so that one addition does for
all of them (SIMD within a register, Lamport 1975).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar, Var
from locality.operators.aggregation.accumulators import COMBINE, Slot
from locality.operators.codegen.block import BLOCK, Block, Row
from locality.plan.intervals import Interval

#: Accumulators that are faster than scattered updates, even where they don't all fit the registers.
_MOST_ACCUMULATORS = 32
#: The same where blocks are cut at the ends of runs: each piece adds all accumulators to the state.
_MOST_IN_A_PIECE = 8
_WORD_BITS = 64
#: Fields are whole bytes wide, so that similar data have the same kernel.
_STEP_BITS = 8


@dataclass(frozen=True, slots=True)
class Field:
    """The sum of slot ``position`` over a block: ``bits`` bits of a word from bit ``shift`` on; signed if all 64."""

    position: int
    shift: int
    bits: int


@dataclass(frozen=True, slots=True)
class Word:
    """What one accumulator a group holds: one or more sums, or one slot that is no sum."""

    op: str
    fields: tuple[Field, ...]

    @property
    def type(self) -> Scalar:
        """Unsigned where sums are packed: they wrap."""
        return Scalar.U64 if self.op == "+" else Scalar.I64


def pack(bounds: Mapping[int, Interval]) -> list[Word]:
    """Words for sums of up to ``BLOCK`` values within ``bounds``, by position of the slot: first fit, decreasing."""
    words: list[list[Field]] = []
    widths = {position: _bits(interval) for position, interval in bounds.items()}
    for position, bits in sorted(widths.items(), key=lambda item: (-item[1], item[0])):
        word = next((word for word in words if _end(word) + bits <= _WORD_BITS), None)
        if word is None:
            word = []
            words.append(word)
        word.append(Field(position, _end(word), bits))
    return [Word("+", tuple(word)) for word in words]


def _end(word: list[Field]) -> int:
    return word[-1].shift + word[-1].bits if word else 0


def _bits(bounds: Interval) -> int:
    """Bits of the sum of a block; a word of its own for what may be negative."""
    if bounds.low < 0:
        return _WORD_BITS
    needed = (bounds.high * BLOCK).bit_length()
    return min(max(-(-needed // _STEP_BITS), 1) * _STEP_BITS, _WORD_BITS)


@dataclass(frozen=True, eq=False)
class FewGroups:
    """How the slots of ``groups`` groups are accumulated in ``words``."""

    block: Block
    groups: int
    slots: Sequence[Slot]
    words: Sequence[Word]

    def emit(self, numbers: Var, cells: Var, place: Callable[[ir.Expr], ir.Expr]) -> None:
        """Emits the loop over the block's rows, whose groups are ``numbers`` (U8), and the updates of ``cells``.

        place: the row of ``cells`` for a group.
        """
        builder = self.block.builder
        totals = [[builder.assign(self._start(word), "total") for word in self.words] for _ in range(self.groups)]
        with self.block.rows([e for slot in self.slots for e in slot.reads]) as row:
            values = [builder.assign(self._value(word, _unmasked(row))) for word in self.words]
            number = builder.assign(b.load(numbers, row.index))
            for group, accumulators in enumerate(totals):
                here = builder.assign(b.eq(number, b.const(group, Scalar.U8)))
                for word, total, value in zip(self.words, accumulators, values, strict=True):
                    builder.set(total, COMBINE[word.op](total, b.select(here, value, self._start(word))))
        for group, accumulators in enumerate(totals):
            at = place(b.const_i64(group))
            for word, total in zip(self.words, accumulators, strict=True):
                for field in word.fields:
                    cell = (at, b.const_i64(field.position))
                    builder.update(word.op, cells, cell, _unpack(total, field))

    def _start(self, word: Word) -> ir.Const:
        return b.const(self.slots[word.fields[0].position].identity, word.type)

    def _value(self, word: Word, row: Row) -> ir.Expr:
        """What a row adds to a word."""
        result: ir.Expr | None = None
        for field in word.fields:
            part = b.convert(self.slots[field.position].contribution(row).expr, word.type)
            if field.shift:
                part = b.shift_left(part, b.const(field.shift, word.type))
            result = part if result is None else b.or_(result, part)
        assert result is not None
        return result


def plan_few_groups(block: Block, groups: int, slots: Sequence[Slot], *, is_piece: bool = False) -> FewGroups | None:
    """For integer slots whose arguments are at hand; None where there are too many groups or values.

    is_piece: the groups are those of a piece alone, which the ends of runs may make short.
    """
    most = _MOST_IN_A_PIECE if is_piece else _MOST_ACCUMULATORS
    if groups > most:
        return None
    row = Row(block, b.const_i64(0), None, b.const_i64(0))
    sums: dict[int, Interval] = {}
    others: list[Word] = []
    for position, slot in enumerate(slots):
        if slot.is_separate:
            continue
        if slot.op == "+":
            sums[position] = slot.contribution(row).range
        else:
            others.append(Word(slot.op, (Field(position, 0, _WORD_BITS),)))
    words = [*pack(sums), *others]
    return FewGroups(block, groups, slots, words) if groups * len(words) <= most else None


def _unmasked(row: Row) -> Row:
    """The same row, whose group says whether it takes part."""
    return Row(row.block, row.index, None, row.ordinal)


def _unpack(total: Var, field: Field) -> ir.Expr:
    if field.bits == _WORD_BITS:
        return b.convert(total, Scalar.I64)
    value: ir.Expr = total
    if field.shift:
        value = b.shift_right(value, b.const(field.shift, Scalar.U64))
    if field.shift + field.bits < _WORD_BITS:
        value = b.and_(value, b.const(2**field.bits - 1, Scalar.U64))
    return b.convert(value, Scalar.I64)
