"""Grouping by keys that are too many to number densely: keys as words that hash tables number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar, Var
from locality.operators.aggregation.accumulators import Slots, update_slots
from locality.operators.aggregation.grouping import DenseGroups
from locality.operators.codegen.block import BLOCK, Block, Row
from locality.operators.codegen.results import column_of_value, key_to_float
from locality.operators.pipeline import MORSEL_ROWS
from locality.plan.expressions import Expression
from locality.plan.functions.base import Value, as_double, as_integer

AnyArray = npt.NDArray[Any]
Words = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PackedKeys:
    """All keys as one word: the number that a dense grouping would give."""

    groups: DenseGroups

    width = 1

    @property
    def reads(self) -> list[Expression]:
        return [key.expression for key in self.groups.keys]

    def emit(self, row: Row) -> list[Any]:
        return [self.groups.emit(row)]

    def decode(self, words: Words, position: int) -> EncodedColumn:
        """One key of groups by their words, shape (groups, width)."""
        return self.groups.decode(words[:, 0], position)


@dataclass(frozen=True, eq=False)
class WordKeys:
    """A word for each key, and one more whose bits tell which keys are NULL."""

    expressions: tuple[Expression, ...]
    values: tuple[Value, ...]

    @property
    def width(self) -> int:
        return len(self.expressions) + self._nullable

    @property
    def _nullable(self) -> bool:
        return any(value.valid is not None for value in self.values)

    @property
    def reads(self) -> Sequence[Expression]:
        return self.expressions

    def emit(self, row: Row) -> list[Any]:
        words: list[ir.Expr] = []
        nulls: ir.Expr = b.const_i64(0)
        for position, expression in enumerate(self.expressions):
            value = row.emit(expression)
            word = _word(value)
            if value.valid is not None:
                word = b.select(value.valid, word, b.const_i64(0))
                bit = b.select(value.valid, b.const_i64(0), b.const_i64(1 << position))
                nulls = b.or_(nulls, bit)
            words.append(word)
        return [*words, nulls] if self._nullable else words

    def decode(self, words: Words, position: int) -> EncodedColumn:
        """One key of groups by their words, shape (groups, width)."""
        value = self.values[position]
        valid = words[:, -1] >> position & 1 == 0 if value.valid is not None else None
        return column_of_value(self.expressions[position].type, value, _cells(value, words[:, position]), valid)


def _word(value: Value) -> Any:
    if value.is_float:
        return b.call("ordered_key", as_double(value).expr)
    return value.expr if value.is_string else as_integer(value).expr


def _cells(value: Value, words: Words) -> AnyArray:
    return key_to_float(words) if value.is_float else words


Keys = PackedKeys | WordKeys


def plan_keys(
    groups: DenseGroups | None, expressions: Sequence[Expression], probe: Callable[[Expression], Value]
) -> Keys:
    """One word for all keys where they can be numbered, else a word a key."""
    if groups is not None:
        return PackedKeys(groups)
    if len(expressions) > 62:
        raise Unsupported("grouping by more than 62 keys")
    return WordKeys(tuple(expressions), tuple(probe(e) for e in expressions))


@dataclass(frozen=True, eq=False)
class HashSink:
    """Numbers the keys of a block's active rows in the worker's table, then adds to the slots of their groups."""

    keys: Keys
    slots: Slots

    @property
    def reads(self) -> Sequence[Expression]:
        return (*self.keys.reads, *self.slots.reads)

    @property
    def state(self) -> Sequence[Array]:
        """Cells of the table's groups, and the table, which has room for a group of every row."""
        return (Array(Scalar.I64, 2), Array(Scalar.F64, 2), Array(Scalar.U32), Array(Scalar.I64, 2), Array(Scalar.I64))

    @property
    def morsel_rows(self) -> int:
        return MORSEL_ROWS

    def prefers_selection(self, selectivity: float) -> bool:
        """Always: rows that are filtered out must not make groups."""
        return True

    def emit(self, block: Block, state: Sequence[Var]) -> None:
        integers, floats, *table = state
        builder = block.builder
        rows = block.count if block.selected is None else block.selected
        words = builder.local_array(Scalar.I64, BLOCK * self.keys.width)
        numbers = block.local(Scalar.I64)
        with block.rows(self.keys.reads) as row:
            for position, word in enumerate(self.keys.emit(row)):
                builder.store(words, b.add(row.ordinal, b.const_i64(position * BLOCK)), word)
        builder.evaluate("number_groups", words, rows, *table, numbers)
        with block.rows(self.slots.reads) as row:
            update_slots(row, b.load(numbers, row.ordinal), integers, floats, self.slots)
