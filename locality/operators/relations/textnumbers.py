"""Raw strings numbered side by side: dealt out by their hashes, and each part numbered by a table in the cache.

Strings are copied to where their parts are, so that telling equal ones from others reads nothing far away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from locality import memory
from locality.encodings import EncodedColumn
from locality.kernel.loader import primitive
from locality.operators.physical import Execution
from locality.operators.relations.texts import strings_of

AnyArray = npt.NDArray[Any]

#: Rows that are hashed and dealt out at a time.
_CHUNK_ROWS = 1 << 18
#: Rows of a part: their table and short strings fit a second-level cache.
_PART_ROWS = 1 << 15
_MOST_PARTS = 1 << 9
_HASH_BITS = 64
_WHAT = "the numbers of strings"


@dataclass(frozen=True, eq=False)
class TextNumbers:
    """firsts: a row for each distinct string, the first that has it. numbers: the string of each row, uint32."""

    firsts: AnyArray
    numbers: AnyArray


def number_distinct(column: EncodedColumn, execution: Execution) -> TextNumbers:
    """The distinct strings of a ``text`` column of less than 2**31 rows, what is under NULL included.

    The numbers do not depend on which worker did what.
    """
    dealt = _Dealt(column, execution)
    counts = np.zeros(dealt.parts, np.int64)
    pairs = range(0, dealt.parts, 2)  # few rows are one pair, for which no other thread is woken

    def number(worker: int, pair: int) -> None:
        for part in (pair, pair + 1):
            counts[part] = dealt.number(part)

    execution.run(pairs, number)
    starts = np.cumsum([0, *counts])
    firsts = memory.empty(int(starts[-1]), np.int64, _WHAT)
    numbers = memory.empty(column.length, np.uint32, _WHAT)

    def place(worker: int, pair: int) -> None:
        for part in (pair, pair + 1):
            own = dealt.records_of(part)
            firsts[starts[part] : starts[part + 1]] = dealt.firsts[own.start : own.start + counts[part]]
            primitive("place_numbers")(dealt.numbers[own], starts[part], dealt.records[own], numbers)

    execution.run(pairs, place)
    return TextNumbers(firsts, numbers)


class _Dealt:
    """The rows of a column by parts of their strings' hashes, as records: those of part i begin at ``bounds[i]``.

    parts: how many there are, a power of two. numbers, firsts: for each part, once it was numbered, the strings of its
        records, and the first row of each of them.
    """

    def __init__(self, column: EncodedColumn, execution: Execution) -> None:
        count = column.length
        data, offsets = strings_of(column)
        self.parts = min(1 << max(count // _PART_ROWS, 1).bit_length(), _MOST_PARTS)
        shift = _HASH_BITS - self.parts.bit_length() + 1
        starts = range(0, count, _CHUNK_ROWS)
        hashes = memory.empty(count, np.uint64, _WHAT)
        rows, sizes = (np.zeros((len(starts), self.parts), np.int64) for _ in range(2))

        def hash_chunk(worker: int, chunk: int) -> None:
            words = hashes[starts[chunk] : starts[chunk] + _CHUNK_ROWS]
            primitive("hash_texts")(data, offsets, starts[chunk], shift, words, rows[chunk], sizes[chunk])

        execution.run(range(len(starts)), hash_chunk)
        self.bounds, self._starts = (np.cumsum([0, *each.sum(axis=0)]).tolist() for each in (rows, sizes))
        self.records = memory.empty((count, 2), np.int64, _WHAT)
        self._data = memory.empty(self._starts[-1] + 1, np.uint8, _WHAT)
        places, byte_places = _places(rows, self.bounds), _places(sizes, self._starts)

        def deal_chunk(worker: int, chunk: int) -> None:
            words = hashes[starts[chunk] : starts[chunk] + _CHUNK_ROWS]
            scope = data, offsets, starts[chunk], shift, words
            primitive("deal_texts")(*scope, places[chunk], byte_places[chunk], self.records, self._data)

        execution.run(range(len(starts)), deal_chunk)
        self.numbers = memory.empty(count, np.uint32, _WHAT)
        self.firsts = memory.empty(count, np.int32, _WHAT)

    def records_of(self, part: int) -> slice:
        """Where a part's records lie."""
        return slice(self.bounds[part], self.bounds[part + 1])

    def number(self, part: int) -> int:
        """Numbers the strings of a part; returns how many are distinct."""
        own = self.records_of(part)
        rows = own.stop - own.start
        slots, offsets = np.zeros(1 << max(2 * rows, 1).bit_length(), np.uint32), np.empty(rows, np.int64)
        found = self.numbers[own], self.firsts[own]
        count: int = primitive("number_texts")(
            self._data, self._starts[part], self.records[own], slots, offsets, *found
        )
        return count


def _places(counts: AnyArray, bounds: Sequence[int]) -> AnyArray:
    """Where each chunk's share of each part begins, given how much each has, and where the parts begin."""
    return np.cumsum(counts, axis=0) - counts + np.array(bounds[:-1])
