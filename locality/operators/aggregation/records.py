"""Groups of a morsel: in a small table that stays in the cache, and as records by partition where they are too many."""

from __future__ import annotations

import contextlib
import itertools
import math
import mmap
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.kernel.hashtable import HashTable
from locality.kernel.loader import primitive
from locality.operators.aggregation.accumulators import Slots, fresh
from locality.operators.aggregation.output import Groups
from locality.operators.codegen.block import BLOCK

AnyArray = npt.NDArray[Any]

#: Groups of a worker's small table: with many cells each it fits a second-level cache of a megabyte.
SMALL_GROUPS = 16384
#: Groups of one whose groups are narrow, and its bytes: a miss in the second-level cache costs less than records do.
NARROW_GROUPS, _NARROW_BYTES = 4 * SMALL_GROUPS, 2 << 20
#: Room below which it is flushed: less would be filled by calls of the kernel that are too short.
_LEAST_ROOM = SMALL_GROUPS // 4
#: Partitions of records, by the upper bits of the key's hash.
PARTITIONS = 256

#: Runs the kernel over the rows from one to another, with the state given; returns its faults.
Call = Callable[[int, int, tuple[AnyArray, ...]], int]


@dataclass(frozen=True, eq=False)
class Records:
    """Groups by partition: words of the key, then integer cells, shape (words + slots, room); float cells likewise.

    offsets, shape (chunks, partitions + 1): where each partition begins in each chunk.
    """

    integers: AnyArray
    floats: AnyArray
    offsets: AnyArray

    def __len__(self) -> int:
        return self.size(0, PARTITIONS)

    @property
    def nbytes(self) -> int:
        return len(self) * 8 * (len(self.integers) + len(self.floats))

    def size(self, first: int, last: int) -> int:
        """Records of partitions ``first`` to ``last``."""
        return int((self.offsets[:, last] - self.offsets[:, first]).sum())


class Room:
    """Memory for the records of several morsels, a part for each; what is not written costs none.

    It is taken when the first record is written: the groups of few rows never are.
    """

    def __init__(self, words: int, slots: Slots, rows: Sequence[int], *, sparse: bool) -> None:
        """``rows``: the most records of each part. sparse: whether much fewer are expected."""
        self._heights = words + len(slots.integers), len(slots.floats)
        self._make = sparse_array if sparse else np.empty
        self._rows = rows
        self._starts = list(itertools.accumulate(rows, initial=0))
        self._cells: tuple[AnyArray, AnyArray] | None = None
        self._lock = threading.Lock()

    @property
    def cells(self) -> tuple[AnyArray, AnyArray]:
        """The words and integers of all records, and their floats: shapes (words + slots, records)."""
        with self._lock:
            if self._cells is None:
                integers, floats = self._heights
                total = self._starts[-1]
                self._cells = self._make((integers, total), np.int64), self._make((floats, total), np.float64)
            return self._cells

    def writer(self, part: int) -> Writer:
        """What writes the records of a part."""
        return Writer(self, self._starts[part], self._rows[part])

    def together(self, parts: Sequence[Records]) -> Records:
        """The records of all parts, in the order given."""
        return Records(*self.cells, np.concatenate([part.offsets for part in parts]))


def sparse_array(shape: tuple[int, int], dtype: npt.DTypeLike) -> AnyArray:
    """An array of which little will be written.

    numpy asks for huge pages, each of which the system clears as a whole when a byte of it is written; here pages are
    small, and cost nothing but where they are used.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size == 0:
        return np.empty(shape, dtype)
    pages = mmap.mmap(-1, size)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with contextlib.suppress(OSError):  # a system without huge pages doesn't know the advice
            pages.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, dtype).reshape(shape)


class SmallTable:
    """One worker's table, used again for each morsel."""

    def __init__(self, words: int, slots: Slots, rows: int) -> None:
        """``rows``: the most that a morsel has; a table for few of them is small."""
        capacity = min(_whole_blocks(max(rows, 1)), most_groups(words, slots))
        self._table = HashTable(words, capacity, BLOCK)
        self._cells, self._fresh = cells_of(slots, capacity), cells_of(slots, 1)

    def run(self, rows: int, call: Call, writer: Writer) -> tuple[int, Groups | Records]:
        """Runs so many rows; returns what the kernel returned, and the rows' groups.

        Each row makes a group at most, so that the kernel needs no check whether there is room. A table that gets full
        before it has met two rows a group is of no use: rows are then kept apart, a record each.
        """
        table = self._table
        faults, apart, start = 0, False, 0
        while start < rows:
            room = table.capacity - len(table)
            if room < min(_whole_blocks(rows - start), _LEAST_ROOM):
                apart = apart or 2 * len(table) > table.rows
                writer.write(table.slots, self._groups)
                self._forget(apart)
                room = table.capacity
            end = min(start + room // BLOCK * BLOCK, rows)
            faults |= call(start, end, (*self._cells, table.slots, table.stored, table.header))
            start = end
        part: Groups | Records
        if writer.chunks:
            writer.write(table.slots, self._groups)
            part = writer.finish()
        else:
            part = self._groups.copy()
            table.slots[:] = 0
        self._forget(False)
        return faults, part

    @property
    def _groups(self) -> Groups:
        count = len(self._table)
        return Groups(self._table.keys, self._cells[0][:count], self._cells[1][:count])

    def _forget(self, apart: bool) -> None:
        """Makes the table empty, once its slots are."""
        count = len(self._table)
        for cells, fresh_cells in zip(self._cells, self._fresh, strict=True):
            cells[:count] = fresh_cells
        self._table.forget(apart)


def most_groups(words: int, slots: Slots) -> int:
    """How many groups a small table has room for: two slots of four bytes, the key and cells are a group's."""
    width = 8 * (1 + words + len(slots.integers) + len(slots.floats))
    return min(max(_NARROW_BYTES // width // BLOCK * BLOCK, SMALL_GROUPS), NARROW_GROUPS)


def _whole_blocks(rows: int) -> int:
    return -(-rows // BLOCK) * BLOCK


class Writer:
    """Writes groups as records, chunk by chunk; none but the last is small."""

    def __init__(self, room: Room, start: int, rows: int) -> None:
        """``start``: the first record. ``rows``: how many there may be."""
        self._room, self._place = room, start
        self._offsets = np.empty((rows // (SMALL_GROUPS - _LEAST_ROOM) + 2, PARTITIONS + 1), np.int64)
        self.chunks = 0

    def write(self, scratch: AnyArray, groups: Groups) -> None:
        """``scratch``: an integer a group at least, uint32; zeros afterwards."""
        header = np.array([len(groups)])
        cells = groups.integers, groups.floats
        records = *self._room.cells, self._offsets
        flush = primitive("flush_groups")
        self._place = flush(scratch, groups.keys, header, *cells, *records, self.chunks, self._place)
        self.chunks += 1

    def write_all(self, groups: Groups) -> Records:
        """The groups as one chunk."""
        self.write(np.empty(len(groups), np.uint32), groups)
        return self.finish()

    def finish(self) -> Records:
        """What was written."""
        return Records(*self._room.cells, self._offsets[: self.chunks].copy())


def merge_few(parts: Sequence[Groups], slots: Slots) -> Groups:
    """The groups of several morsels together, where they are few, in the order in which they come."""
    total, words = sum(len(part) for part in parts), parts[0].keys.shape[1]
    integers, floats = cells_of(slots, total)
    table = HashTable(words, total, total)
    keys = np.empty(words * total, np.int64)
    for part in parts:
        for word in range(words):
            keys[word * total : word * total + len(part)] = part.keys[:, word]
        numbers = np.empty(len(part), np.int64)
        primitive("number_groups")(keys, len(part), table.slots, table.stored, table.header, numbers)
        slots.add_rows((integers, floats), numbers, (part.integers, part.floats))
    return Groups(table.keys, integers[: len(table)], floats[: len(table)])


def cells_of(slots: Slots, groups: int) -> tuple[AnyArray, AnyArray]:
    """Cells of groups without any row, shape (groups, slots)."""
    floats = fresh(slots.floats, groups, np.float64) if slots.floats else np.empty((groups, 0))
    return fresh(slots.integers, groups, np.int64), floats
