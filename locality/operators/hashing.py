"""Grouping by keys that are too many to number densely: a hash table a worker, merged at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.encodings.column import Dictionary
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel.ir import Array, Scalar, Var
from locality.operators.accumulators import Slots, fresh, update_slots
from locality.operators.block import BLOCK, Block, Row
from locality.operators.grouping import DenseGroups
from locality.operators.results import float_column, integer_column, key_to_float, string_column
from locality.plan.expressions import Expression
from locality.plan.functions.base import Value, as_double, as_integer
from locality.types import DataType

AnyArray = npt.NDArray[Any]
Words = npt.NDArray[np.int64]
_NEVER = 2**63 - 1
_SMALLEST = 8192


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

    def decode(self, words: Words) -> list[EncodedColumn]:
        """The keys of groups by their words, shape (groups, width)."""
        return [key.decode(words[:, 0]) for key in self.groups.keys]


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
        words, nulls = [], b.const_i64(0)
        for position, expression in enumerate(self.expressions):
            value = row.emit(expression)
            word = _word(value)
            if value.valid is not None:
                word = b.select(value.valid, word, b.const_i64(0))
                bit = b.select(value.valid, b.const_i64(0), b.const_i64(1 << position))
                nulls = b.or_(nulls, bit)
            words.append(word)
        return [*words, nulls] if self._nullable else words

    def decode(self, words: Words) -> list[EncodedColumn]:
        """The keys of groups by their words, shape (groups, width)."""
        columns = []
        for position, (expression, value) in enumerate(zip(self.expressions, self.values, strict=True)):
            valid = words[:, -1] >> position & 1 == 0 if value.valid is not None else None
            columns.append(_column(expression.type, value, words[:, position], valid))
        return columns


def _word(value: Value) -> Any:
    if value.is_float:
        return b.call("ordered_key", as_double(value).expr)
    return value.expr if value.dictionary is not None else as_integer(value).expr


def _column(dtype: DataType, value: Value, words: Words, valid: AnyArray | None) -> EncodedColumn:
    if value.is_float:
        return float_column(dtype, key_to_float(words), valid)
    if value.dictionary is not None:
        assert isinstance(value.dictionary, Dictionary)
        return string_column(dtype, words, valid, value.dictionary)
    return integer_column(dtype, words, valid)


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
        return (*self.keys.reads, *(e for slot in self.slots for e in slot.reads))

    @property
    def state(self) -> Sequence[Array]:
        words = Array(Scalar.I64)
        return (Array(Scalar.I64, 2), Array(Scalar.F64, 2), words, Array(Scalar.I64, 2), words)

    def prefers_selection(self, selectivity: float) -> bool:
        """Always: rows that are filtered out must not make groups."""
        return True

    def emit(self, block: Block, state: Sequence[Var]) -> None:
        integers, floats, slots, stored, header = state
        builder = block.builder
        rows = block.count if block.selected is None else block.selected
        room = b.call("has_room", slots, stored, header, rows, block.first_row)
        with builder.when(b.not_(room)):
            builder.skip()
        words = builder.local_array(Scalar.I64, BLOCK * self.keys.width)
        numbers = block.local(Scalar.I64)
        with block.rows(self.keys.reads) as row:
            for position, word in enumerate(self.keys.emit(row)):
                builder.store(words, b.add(row.ordinal, b.const_i64(position * BLOCK)), word)
        builder.evaluate("number_groups", words, rows, slots, stored, header, numbers)
        with block.rows([e for slot in self.slots for e in slot.reads]) as row:
            update_slots(row, b.load(numbers, row.ordinal), integers, floats, self.slots)


class HashTable:
    """The groups that one worker has met, and their slots."""

    def __init__(self, sink: HashSink, capacity: int) -> None:
        """``capacity``: groups that there is room for at first."""
        capacity = max(_SMALLEST, 1 << (capacity - 1).bit_length())
        self._sink = sink
        self.header = np.array([0, _NEVER], dtype=np.int64)
        self.stored = np.empty((capacity, sink.keys.width), dtype=np.int64)
        self.integers = fresh(sink.slots.integers, capacity, np.int64)
        self.floats = fresh(sink.slots.floats, capacity, np.float64)
        self.slots = np.zeros(4 * capacity, dtype=np.int64)

    @property
    def count(self) -> int:
        return int(self.header[0])

    @property
    def nbytes(self) -> int:
        return self.stored.nbytes + self.integers.nbytes + self.floats.nbytes + self.slots.nbytes

    @property
    def state(self) -> tuple[AnyArray, ...]:
        """The arrays that the kernel works on."""
        return (self.integers, self.floats, self.slots, self.stored, self.header)

    def run(self, start: int, call: Callable[[int, tuple[AnyArray, ...]], int]) -> int:
        """Runs a morsel from ``start``; where the table gets full, makes it larger and goes on."""
        faults = 0
        while True:
            self.header[1] = _NEVER
            faults |= call(start, self.state)
            if self.header[1] == _NEVER:
                return faults
            start = int(self.header[1])
            self.grow(2 * len(self.stored))

    def grow(self, capacity: int) -> None:
        """Makes room for ``capacity`` groups, or more."""
        from locality.kernel.primitives.hashing import fill_slots

        capacity = 1 << (capacity - 1).bit_length()
        if capacity <= len(self.stored):
            return
        more = capacity - len(self.stored)
        self.stored = np.concatenate((self.stored, np.empty((more, self.stored.shape[1]), dtype=np.int64)))
        self.integers = np.concatenate((self.integers, fresh(self._sink.slots.integers, more, np.int64)))
        if self._sink.slots.floats:
            self.floats = np.concatenate((self.floats, fresh(self._sink.slots.floats, more, np.float64)))
        self.slots = np.zeros(4 * capacity, dtype=np.int64)
        fill_slots(self.stored, self.count, self.slots)

    def absorb(self, other: HashTable) -> None:
        """Adds another worker's groups."""
        from locality.kernel.primitives.hashing import number_groups

        self.grow(self.count + other.count)
        words = np.ascontiguousarray(other.stored[: other.count].T).reshape(-1)
        numbers = np.empty(other.count, dtype=np.int64)
        number_groups(words, other.count, self.slots, self.stored, self.header, numbers)
        self._sink.slots.add_rows((self.integers, self.floats), numbers, (other.integers, other.floats))
