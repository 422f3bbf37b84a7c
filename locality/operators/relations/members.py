"""Which keys an index has, by their words: a set of bits with ranks, or a hash table, whichever is smaller and quicker.

Both find a key's rank: for bits its rank among the members in order, for a table the first row that has the key.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from locality import memory
from locality.kernel.loader import primitive
from locality.kernel.primitives.markers import PENDING

Ints64 = npt.NDArray[np.int64]
#: Calls a function for each item, maybe on several threads: an execution's ``run``.
Run = Callable[[Sequence[Any], Callable[[int, Any], Any]], None]

#: A set of bits up to this size is always better than a hash table: it stays in the second-level cache.
_SMALL_BYTES = 1 << 20
#: A set of bits may be so many times larger than a table, because a look into it has no hash and no branch.
_BITS_FOR_SLOTS = 2
#: So many looks pay for a byte of bits, up to a size that stays in the cache that cores share.
_LOOKS_FOR_BYTE, _MOST_BYTES = 2, 16 << 20
#: Words below this are kept in the slots themselves.
_EXACT = 2**32
#: Bits of a table's hints: there are two to four slots a row.
_HINTS_FOR_SLOT = 8
#: Tables up to this size are filled by one worker.
_ALONE_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class BitSet:
    """Numbers that occur; see :mod:`locality.kernel.primitives.ranks`."""

    bits: Ints64
    counts: npt.NDArray[np.int32]

    @property
    def nbytes(self) -> int:
        return self.bits.nbytes + self.counts.nbytes

    def find(self, words: Ints64, ranks: Ints64) -> None:
        """Writes the rank of each key, shape (1, keys); negative where it is not there."""
        primitive("find_ranks")(self.bits, self.counts, words[0], ranks)


@dataclass(frozen=True, eq=False)
class SlotTable:
    """A hash table of rows by their words; see :mod:`locality.kernel.primitives.slots`.

    stored: the words of all rows; None where they are below 2**32 and in the slots.
    """

    slots: Ints64
    stored: Ints64 | None

    @cached_property
    def hints(self) -> Ints64:
        """Bits that tell of most keys that are not there; made when they are first asked."""
        hints = np.zeros(max(len(self.slots) * _HINTS_FOR_SLOT // 64, 1), np.int64)
        stored = np.zeros((0, 1), np.int64) if self.stored is None else self.stored
        primitive("enter_hints")(self.slots, stored, hints)
        return hints

    @property
    def nbytes(self) -> int:
        hints = self.hints.nbytes if "hints" in self.__dict__ else 0
        return self.slots.nbytes + hints + (0 if self.stored is None else self.stored.nbytes)

    def find(self, words: Ints64, ranks: Ints64) -> None:
        """Writes the first row that has each key, shape (words, keys); negative where there is none."""
        count = words.shape[1]
        if self.stored is None:
            primitive("find_numbers")(words[0], count, self.slots, ranks)
        else:
            primitive("find_words")(words.reshape(-1), count, self.slots, self.stored, ranks)


Members = BitSet | SlotTable


def prefers_bits(sizes: Sequence[int], rows: int, looks: int) -> bool:
    """Whether keys of ``rows`` rows, whose words have so many possible values, are better kept as bits.

    looks: how many rows will ask for theirs, at most; 0 if that is not known.
    """
    if len(sizes) > 1 or sizes[0] == 0:
        return False
    worth = min(looks // _LOOKS_FOR_BYTE, _MOST_BYTES)
    return 3 * sizes[0] // 16 <= max(_SMALL_BYTES, worth, _BITS_FOR_SLOTS * 8 * _slot_count(rows))


def _slot_count(rows: int) -> int:
    return 1 << max(2 * rows, 1).bit_length()


def fill_table(words: Ints64, sizes: Sequence[int], threads: int, run: Run) -> tuple[SlotTable, Ints64, int]:
    """The table of all rows' words, shape (words, rows); the rank of each row's key; and how many keys there are.

    Workers fill ranges of the slots of their own, each looking at all rows: a look is cheap beside a miss of the cache.
    """
    rows = words.shape[1]
    slots = memory.zeros(_slot_count(rows), np.int64, "the hash table of a join")
    ranks = memory.empty(rows, np.int64, "the hash table of a join")
    ranks[:] = PENDING
    is_exact = len(sizes) == 1 and 0 < sizes[0] <= _EXACT
    stored = words if rows else np.zeros((len(words), 1), np.int64)
    counts: list[int] = []

    def enter(bounds: tuple[int, int]) -> None:
        if is_exact:
            counts.append(int(primitive("enter_numbers")(words[0], *bounds, slots, ranks)))
        elif rows:
            counts.append(int(primitive("enter_words")(stored, *bounds, slots, ranks)))

    parts = threads if slots.nbytes > _ALONE_BYTES else 1
    if parts > 1:
        cuts = [len(slots) * part // parts for part in range(parts + 1)]
        run(list(itertools.pairwise(cuts)), lambda worker, bounds: enter(bounds))
    if parts == 1 or (ranks == PENDING).any():
        enter((0, len(slots)))
    return SlotTable(slots, None if is_exact else stored), ranks, sum(counts)
