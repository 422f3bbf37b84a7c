"""Which rows of a relation have a key: an index over few bits a key, made for one query.

Keys of integers, dates, short decimals and dictionary codes are numbered by arithmetic, and a set with ranks
(:mod:`locality.kernel.primitives.ranks`) tells the rank of a number among those that occur. Where rows lie in the order
of a unique key, as parents usually do, the rank is the row, and nothing else is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, expand
from locality.encodings.bitmaps import to_mask
from locality.encodings.column import Dictionary
from locality.encodings.numbers import to_numpy
from locality.errors import Unsupported
from locality.plan.intervals import Interval
from locality.types import Domain

Ints32 = npt.NDArray[np.int32]
Ints64 = npt.NDArray[np.int64]

#: Possible keys up to which a set of bits is made whatever the rows, and possible keys a row beyond that.
_SMALL_DOMAIN, _MOST_A_ROW = 1 << 20, 256


@dataclass(frozen=True, eq=False)
class KeyPart:
    """One column of a key: its values are ``low + digit`` with digits below ``size``; NULL is the digit ``size``.

    stride: what one step of the digit adds to the key's number. dictionary: of strings, whose digits are its codes.
    nulls: whether NULL equals NULL here; else a row with NULL has no key.
    """

    low: int
    size: int
    stride: int
    dictionary: Dictionary | None
    nulls: bool

    @property
    def digits(self) -> int:
        return self.size + self.nulls


@dataclass(frozen=True, eq=False)
class KeyIndex:
    """The rows of a relation by key.

    words: the set of numbers that occur, see :mod:`locality.kernel.primitives.ranks`.
    keys: how many there are.
    rows: the rows in the order of their keys' ranks; None where rank and row are the same.
    starts: where the rows of each rank begin in ``rows``; None where each key has one row.
    """

    parts: tuple[KeyPart, ...]
    words: Ints64
    keys: int
    rows: Ints32 | None
    starts: Ints32 | None

    @property
    def is_unique(self) -> bool:
        """Whether no key has two rows."""
        return self.starts is None

    def ranks_of(self, columns: Sequence[EncodedColumn]) -> Ints64:
        """The rank of each row's key in the index, for columns of any relation; negative where it is not there."""
        from locality.kernel.primitives.ranks import find_ranks

        numbers = _numbers(self.parts, columns)
        find_ranks(self.words, numbers, numbers)
        return numbers

    def listing(self) -> tuple[Ints32, Ints32]:
        """``rows`` and ``starts``, made up where they go without saying."""
        every = np.arange(self.keys + 1, dtype=np.int32)
        return every if self.rows is None else self.rows, every if self.starts is None else self.starts

    @property
    def nbytes(self) -> int:
        return self.words.nbytes + sum(a.nbytes for a in (self.rows, self.starts) if a is not None)


def index_rows(
    columns: Sequence[EncodedColumn], intervals: Sequence[Interval | None], null_safe: Sequence[bool]
) -> KeyIndex:
    """The index of rows by ``columns``; raises Unsupported for keys that can't be numbered, or are spread too far."""
    from locality.kernel.primitives.ranks import enter_members, find_ranks, group_rows

    rows = columns[0].length
    parts = _parts(columns, intervals, null_safe)
    size = math.prod(part.digits for part in parts)
    if size > max(_SMALL_DOMAIN, _MOST_A_ROW * rows):
        raise Unsupported("a join on keys that are spread wide")
    numbers = _numbers(parts, columns)
    words = np.zeros(2 * (size // 64 + 1), np.int64)
    members = int(enter_members(numbers, words))
    if members >= 0:
        return KeyIndex(parts, words, members, None, None)
    members = -members - 1
    find_ranks(words, numbers, numbers)
    starts, order = np.zeros(members + 2, np.int32), np.empty(rows, np.int32)
    most = int(group_rows(numbers, starts, order))
    return KeyIndex(parts, words, members, order, starts if most > 1 else None)


def _parts(
    columns: Sequence[EncodedColumn], intervals: Sequence[Interval | None], null_safe: Sequence[bool]
) -> tuple[KeyPart, ...]:
    parts: list[KeyPart] = []
    stride = 1
    for column, interval, nulls in reversed(list(zip(columns, intervals, null_safe, strict=True))):
        parts.append(_part(column, interval, stride, nulls))
        stride *= parts[-1].digits
        if stride > 2**62:
            raise Unsupported("a join on keys with too many possible values")
    return tuple(reversed(parts))


def _part(column: EncodedColumn, interval: Interval | None, stride: int, nulls: bool) -> KeyPart:
    if column.type.domain is Domain.STRING:
        if column.dictionary is None and not column.all_null:
            raise Unsupported(f"a join on raw strings of {column.type}")
        size = 0 if column.dictionary is None else len(column.dictionary)
        return KeyPart(0, size, stride, column.dictionary, nulls)
    if interval is None or column.type.domain is not Domain.INTEGER:
        raise Unsupported(f"a join on {column.type} keys")
    return KeyPart(interval.low, interval.size, stride, None, nulls)


def _numbers(parts: Sequence[KeyPart], columns: Sequence[EncodedColumn]) -> Ints64:
    """The key's number of each row; negative where it has none."""
    total: Any = None
    known: Any = None
    for part, column in zip(parts, columns, strict=True):
        digits = _digits(part, column)
        # one comparison of unsigned numbers finds those below and above; a difference that wrapped lies outside too
        inside = digits.view(np.uint64) < part.size
        if column.validity is not None or column.all_null:
            valid = _valid(column)
            digits = np.where(valid, digits, part.size)
            inside = np.where(valid, inside, part.nulls)
        if part.stride != 1:
            digits = digits * part.stride
        total = digits if total is None else total + digits
        known = inside if known is None else known & inside
    return np.ascontiguousarray(np.where(known, total, -1), dtype=np.int64)


def _valid(column: EncodedColumn) -> npt.NDArray[np.bool_]:
    if column.validity is None:
        return np.zeros(column.length, np.bool_)
    return to_mask(column.validity, column.length)


def _digits(part: KeyPart, column: EncodedColumn) -> Ints64:
    if column.all_null:
        return np.zeros(column.length, np.int64)
    base, factor = column.base, column.factor
    if column.encoding not in ("frame", "scaled"):
        column, base, factor = expand(column), 0, 1
    assert column.codes is not None
    if column.type.domain is Domain.STRING:
        return _codes(part, column)
    digits = column.codes.astype(np.int64)
    if factor != 1:
        digits *= factor
    if base != part.low:
        digits += base - part.low
    return digits


def _codes(part: KeyPart, column: EncodedColumn) -> Ints64:
    if column.dictionary is None:
        raise Unsupported(f"a join on raw strings of {column.type}")
    assert column.codes is not None
    if part.dictionary is not None and part.dictionary.key == column.dictionary.key:
        return column.codes.astype(np.int64)
    return codes_in(column.dictionary, part.dictionary).astype(np.int64)[column.codes]


def codes_in(entries: Dictionary, other: Dictionary | None) -> Ints32:
    """The code in ``other`` of each entry, -1 if it is not there: at least one element."""
    import pyarrow.compute as pc

    if other is None or len(entries) == 0:
        return np.full(max(len(entries), 1), -1, np.int32)
    return to_numpy(pc.index_in(entries.values, value_set=other.values.cast(entries.values.type)).fill_null(-1))
