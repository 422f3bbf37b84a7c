"""Which rows of a relation have a key: an index made for one query, straight from the codes of the key's columns.

Where rows lie in the order of a unique key, as parents usually do, or where a hash table finds them, the rank of a key
is its row, and nothing else is kept.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from locality import memory
from locality.encodings import EncodedColumn
from locality.kernel.loader import primitive
from locality.kernel.primitives.markers import NO_KEY
from locality.operators.relations.keyparts import Codes, KeyPart, codes_for, pack_parts, plan_part
from locality.operators.relations.members import BitSet, Members, SlotTable, fill_table, prefers_bits
from locality.plan.intervals import Interval

if TYPE_CHECKING:
    from locality.operators.physical import Execution

Ints32 = npt.NDArray[np.int32]
Ints64 = npt.NDArray[np.int64]

#: Rows whose words are computed at a time: they stay in the cache while column after column is added.
_STEP = 1 << 15
_KEYS = "the index of a join"
#: Digits of a part of a key for each of which there may be a bit, and the share of them up to which it is worth a look.
_MOST_PART_BITS, _FEW_DIGITS = 1 << 23, 0.3


@dataclass(frozen=True, eq=False)
class PartBits:
    """The digits of one part of several, at ``position``, that the keys of an index have, as bits; ``share`` of all."""

    position: int
    bits: Ints64
    share: float


@dataclass(frozen=True, eq=False)
class KeyIndex:
    """The rows of a relation by key.

    width: how many words a key has. members: which keys there are, and their ranks. ranks: what all ranks are below; 0
    if there is no key.
    rows: the rows in the order of their keys' ranks; None where all rows are in this order anyway.
    starts: where the rows of each rank begin in ``rows``; None where each key has one row.
    narrow: the part of several that tells of most keys that they are not there, for a hash table; None if none does.
    """

    parts: tuple[KeyPart, ...]
    width: int
    members: Members
    ranks: int
    rows: Ints32 | None
    starts: Ints32 | None
    narrow: PartBits | None = None

    @property
    def is_unique(self) -> bool:
        """Whether no key has two rows."""
        return self.starts is None

    @cached_property
    def most(self) -> int:
        """The most rows that any key has."""
        return 1 if self.starts is None else int(np.diff(self.starts[: self.ranks + 1]).max(initial=0))

    def ranks_of(self, columns: Sequence[EncodedColumn], execution: Execution | None = None) -> Ints64:
        """The rank of each row's key in the index, for columns of any relation; negative where it is not there.

        Without an ``execution`` the calling thread finds them alone.
        """
        codes = [codes_for(part, column) for part, column in zip(self.parts, columns, strict=True)]
        ranks = memory.empty(columns[0].length, np.int64, _KEYS)

        def find(worker: int, start: int) -> None:
            stop = min(start + _STEP, len(ranks))
            words = np.zeros((self.width, stop - start), np.int64)
            _add_words(self.parts, codes, start, stop, words)
            self.members.find(words, ranks[start:stop])

        steps = range(0, len(ranks), _STEP)
        if execution is not None:
            execution.run(steps, find)
        else:
            for start in steps:
                find(0, start)
        return ranks

    def listing(self) -> tuple[Ints32, Ints32]:
        """``rows`` and ``starts``, made up where they go without saying."""
        starts = np.arange(self.ranks + 1, dtype=np.int32) if self.starts is None else self.starts
        rows = np.arange(starts[self.ranks], dtype=np.int32) if self.rows is None else self.rows
        return rows, starts

    @property
    def signature(self) -> Hashable:
        """What kernels that look rows up depend on, apart from the arrays."""
        parts = tuple((p.type, p.low, p.size, p.nulls, p.dictionary and p.dictionary.key) for p in self.parts)
        form = type(self.members), isinstance(self.members, SlotTable) and self.members.stored is None
        narrow = None if self.narrow is None else self.narrow.position
        return parts, form, self.rows is None, self.starts is None, self.ranks == 0, narrow

    @property
    def nbytes(self) -> int:
        texts = sum(part.raw.nbytes for part in self.parts if part.raw is not None)
        narrow = 0 if self.narrow is None else self.narrow.bits.nbytes
        return texts + narrow + self.members.nbytes + sum(a.nbytes for a in (self.rows, self.starts) if a is not None)


def index_rows(
    columns: Sequence[EncodedColumn],
    intervals: Sequence[Interval | None],
    null_safe: Sequence[bool],
    execution: Execution,
    looks: int = 0,
) -> KeyIndex:
    """The index of rows by ``columns``, for so many ``looks`` if that is known.

    Raises Unsupported for types of keys that kernels do not read.
    """
    parts, sizes, words = _words_of(columns, intervals, null_safe, execution)
    if prefers_bits(sizes, words.shape[1], looks):
        return _index_by_bits(parts, words[0], sizes[0], execution)
    members, ranks, keys = fill_table(words, sizes, execution.threads, execution.run)
    listing: tuple[Ints32 | None, Ints32 | None] = None, None
    if keys < len(ranks) and keys < np.count_nonzero(ranks >= 0):
        listing = _listing(ranks, len(ranks))
    narrow = min(_part_bits(parts, words), key=lambda each: each.share, default=None)
    return KeyIndex(parts, len(sizes), members, len(ranks) if keys else 0, *listing, narrow)


def representatives(
    columns: Sequence[EncodedColumn], intervals: Sequence[Interval | None], execution: Execution
) -> Ints64:
    """For each row one of the rows that are equal to it, the same for all of these; NULL equals NULL.

    Raises Unsupported for types that kernels do not read.
    """
    _, sizes, words = _words_of(columns, intervals, [True] * len(columns), execution)
    rows = words.shape[1]
    if len(sizes) == 1 and 0 < sizes[0] <= rows:  # a place for each key there can be: the first row that has it
        firsts = np.empty(sizes[0], np.int64)
        firsts[words[0, ::-1]] = np.arange(rows - 1, -1, -1)
        return firsts[words[0]]
    return fill_table(words, sizes, execution.threads, execution.run)[1]


def _words_of(
    columns: Sequence[EncodedColumn],
    intervals: Sequence[Interval | None],
    null_safe: Sequence[bool],
    execution: Execution,
) -> tuple[tuple[KeyPart, ...], tuple[int, ...], Ints64]:
    """How keys become words, how many values each word can have, and the words of all rows: shape (words, rows)."""
    planned = [plan_part(*column) for column in zip(columns, intervals, null_safe, strict=True)]
    codes = [own for _, own in planned]
    parts, sizes = pack_parts([part for part, _ in planned])
    words = memory.zeros((len(sizes), columns[0].length), np.int64, _KEYS)

    def compute(worker: int, start: int) -> None:
        stop = min(start + _STEP, words.shape[1])
        _add_words(parts, codes, start, stop, words[:, start:stop])

    execution.run(range(0, words.shape[1], _STEP), compute)
    return parts, sizes, words


def _part_bits(parts: Sequence[KeyPart], words: Ints64) -> Iterator[PartBits]:
    """The digits of each part of several, where they are few of those that there can be."""
    rows = words.shape[1]
    for position, part in enumerate(parts if len(parts) > 1 else ()):
        if not (part.is_number and max(rows, 1) <= part.size <= _MOST_PART_BITS):
            continue
        known = words[part.word][words[0] != NO_KEY]
        bits, counts = (memory.zeros(part.size // 64 + 1, kind, _KEYS) for kind in (np.int64, np.int32))
        ascending = int(primitive("enter_members")(known // part.stride % part.size, bits, counts))
        share = (ascending if ascending >= 0 else -ascending - 1) / part.size
        if share <= _FEW_DIGITS:
            yield PartBits(position, bits, share)


def _index_by_bits(parts: tuple[KeyPart, ...], numbers: Ints64, size: int, execution: Execution) -> KeyIndex:
    bits, counts = (memory.zeros(size // 64 + 1, kind, _KEYS) for kind in (np.int64, np.int32))
    found = BitSet(bits, counts)
    members = int(primitive("enter_members")(numbers, found.bits, found.counts))
    if members >= 0:
        return KeyIndex(parts, 1, found, members, None, None)
    members = -members - 1

    def rank(worker: int, start: int) -> None:
        part = numbers[start : start + _STEP]
        primitive("find_ranks")(found.bits, found.counts, part, part)

    execution.run(range(0, len(numbers), _STEP), rank)
    return KeyIndex(parts, 1, found, members, *_listing(numbers, members))


def _listing(ranks: Ints64, count: int) -> tuple[Ints32 | None, Ints32 | None]:
    """The rows by rank, None if they are in this order; and where those of each begin, None if none has two."""
    starts, order = memory.zeros(count + 2, np.int32, _KEYS), memory.empty(len(ranks), np.int32, _KEYS)
    most = int(primitive("group_rows")(ranks, starts, order))
    return None if most < 0 else order, starts if abs(most) > 1 else None


def _add_words(parts: Sequence[KeyPart], codes: Sequence[Codes], start: int, stop: int, words: Ints64) -> None:
    """The words of rows ``start`` to ``stop`` into ``words``, which are zeros; NO_KEY in the first for no key."""
    for part, own in zip(parts, codes, strict=True):
        own.add(part, start, stop, words)
    if len(words) > 1:
        words[0, (words[1:] == NO_KEY).any(axis=0)] = NO_KEY
