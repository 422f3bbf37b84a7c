"""Keys of an index as 64-bit words: what each column of a key adds to them.

Integers, dates, decimals of 64 bits and codes of strings are digits of a number, several of them in one word while
there is room; a float is a word of its own, equal where SQL has floats equal (NaN is NaN, -0.0 is 0.0). Integers that
take more than a word, and intervals, are numbered by their bytes, as strings are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, expand, integer_bounds
from locality.encodings.column import Dictionary
from locality.errors import Unsupported
from locality.kernel.loader import primitive
from locality.operators.relations.bytekeys import as_bytes, within_words
from locality.operators.relations.texts import TextTable, dictionary_texts, number_texts
from locality.plan.intervals import INT64_MAX, INT64_MIN, Interval
from locality.types import DataType, Domain

Ints64 = npt.NDArray[np.int64]
Bitmap = npt.NDArray[np.uint8]

#: Possible values of a word that numbers keys; what NULL is in a word that is one value, and no value is there.
_MOST_NUMBERS, _NULL_WORD = 2**62, 2**63 - 1
_ALL_VALID = np.zeros(0, np.uint8)


@dataclass(frozen=True, eq=False)
class KeyPart:
    """One column of a key.

    Its values are ``low + digit`` with digits below ``size``, and NULL is the digit ``size``; in word number ``word`` a
    digit is worth ``stride``. nulls: whether NULL equals NULL here; else a row with NULL has no key.
    size: 0 for a float. dictionary: of strings, whose digits are its codes. raw: of strings without a dictionary, or of
    other values' bytes.
    """

    type: DataType
    low: int
    size: int
    nulls: bool
    dictionary: Dictionary | None = None
    raw: TextTable | None = None
    word: int = 0
    stride: int = 1

    @property
    def is_float(self) -> bool:
        return self.type.is_float

    @property
    def is_string(self) -> bool:
        return self.type.domain is Domain.STRING

    @property
    def is_number(self) -> bool:
        """Whether its digits are of numbers, and NULL has none."""
        return not (self.is_whole or self.is_string or self.nulls) and self.raw is None

    @property
    def is_bytes(self) -> bool:
        """Whether its digits number the bytes of values that are no strings, which kernels do not read."""
        return self.raw is not None and not self.is_string

    @property
    def is_whole(self) -> bool:
        """Whether its word is the value itself, because there are too many for a number among others."""
        return self.is_float or self.size > _MOST_NUMBERS

    @property
    def shift(self) -> int:
        """What a word has above its digits."""
        return self.low if self.is_whole else 0

    @property
    def null(self) -> int | None:
        """What NULL adds to the word; None if it makes no key."""
        if not self.nulls:
            return None
        return _NULL_WORD if self.is_whole else self.stride * self.size

    @cached_property
    def texts(self) -> TextTable:
        """What finds the digit of a string by its bytes."""
        if self.raw is not None:
            return self.raw
        assert self.dictionary is not None
        return dictionary_texts(self.dictionary, self.type)

    def codes_of(self, entries: Dictionary) -> Ints64:
        """The digit of each entry of another dictionary, -1 where it has none: at least one element."""
        if self.size == 0:
            return np.full(max(len(entries), 1), -1, np.int64)
        return self.texts.find_entries(entries, self.type)


@dataclass(frozen=True, eq=False)
class Codes:
    """A column of a key, ready to be read: the value that its part numbers is ``factor * code + base``."""

    codes: npt.NDArray[Any]
    validity: Bitmap
    base: int = 0
    factor: int = 1

    def add(self, part: KeyPart, start: int, stop: int, words: Ints64) -> None:
        """Adds the share of rows ``start`` to ``stop`` to their ``words``, shape (width, stop - start)."""
        own, codes = words[part.word], self.codes[start:stop]
        null = -1 if part.null is None else part.null
        if part.is_float:
            primitive("add_floats")(codes, self.validity, start, null, own)
        else:
            numbers = (self.factor, self.base - part.low, part.size, part.stride, part.shift, null)
            wrapped = np.array([number % 2**64 for number in numbers], np.uint64).view(np.int64)
            primitive("add_digits")(codes, self.validity, start, wrapped, own)


def plan_part(column: EncodedColumn, interval: Interval | None, nulls: bool) -> tuple[KeyPart, Codes]:
    """How an index numbers the values of a column, and the codes of the column's rows.

    Raises Unsupported for types that kernels do not read.
    """
    if column.type.domain is Domain.STRING:
        return _string_part(column, nulls)
    if column.type.is_float:
        part = KeyPart(column.type, 0, 0, nulls)
        return part, codes_for(part, column)
    if interval is None or not _leaves_room(interval):
        bounds = integer_bounds(column)
        interval = None if bounds is None else Interval(*bounds)
    if interval is None or not _leaves_room(interval) or column.type.name == "INTERVAL":
        keys = as_bytes(column)
        raw, codes = number_texts(keys)
        return KeyPart(column.type, 0, raw.size, nulls, raw=raw), Codes(codes, _validity(keys))
    part = KeyPart(column.type, interval.low, interval.size, nulls)
    return part, codes_for(part, column)


def _leaves_room(interval: Interval) -> bool:
    """Whether some 64-bit integers are no values, to tell rows without a key and NULL by."""
    return interval.low > INT64_MIN and interval.high < INT64_MAX


def _string_part(column: EncodedColumn, nulls: bool) -> tuple[KeyPart, Codes]:
    if column.encoding == "text":
        raw, codes = number_texts(column)
        return KeyPart(column.type, 0, raw.size, nulls, raw=raw), Codes(codes, _validity(column))
    size = 0 if column.dictionary is None else len(column.dictionary)
    part = KeyPart(column.type, 0, size, nulls, column.dictionary)
    return part, codes_for(part, column)


def pack_parts(parts: Sequence[KeyPart]) -> tuple[tuple[KeyPart, ...], tuple[int, ...]]:
    """The parts with their places in words, and how many values each word can have; 0 where that is not bounded."""
    placed: list[KeyPart] = []
    sizes: list[int] = []
    for part in parts:
        digits = 0 if part.is_whole else max(part.size + part.nulls, 1)
        if not (sizes and digits and 0 < sizes[-1] * digits <= _MOST_NUMBERS):
            sizes.append(1)
        placed.append(replace(part, word=len(sizes) - 1, stride=sizes[-1]))
        sizes[-1] *= digits
    return tuple(placed), tuple(sizes)


def codes_for(part: KeyPart, column: EncodedColumn) -> Codes:
    """A column of any relation, as the codes that ``part`` numbers; raises Unsupported if it can't."""
    if column.all_null:
        return Codes(np.zeros(column.length, np.uint8), np.zeros((column.length + 7) // 8, np.uint8))
    if part.is_bytes:
        column = as_bytes(column)
        return Codes(part.texts.find(column), _validity(column))
    base, factor = column.base, column.factor
    if column.encoding not in ("frame", "scaled"):
        column, base, factor = expand(column), 0, 1
    if column.encoding == "text":
        codes = np.full(column.length, -1, np.int64) if part.size == 0 else part.texts.find(column)
        return Codes(codes, _validity(column))
    if column.codes is None:
        raise Unsupported(f"a join on {column.type} keys")
    codes, entries = within_words(column.codes, part.low - 1), column.dictionary
    if entries is not None and (part.dictionary is None or entries.key != part.dictionary.key):
        codes = part.codes_of(entries)[codes]
    return Codes(codes, _validity(column), base, factor)


def _validity(column: EncodedColumn) -> Bitmap:
    return _ALL_VALID if column.validity is None else column.validity
