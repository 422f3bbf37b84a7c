"""Hash aggregation at any number of groups: by radix partitions, each of which is merged in the cache.

Every morsel is aggregated in a small table first. What gets too many for it is written out as records, a key and cells
each, ordered by partitions of the key's hash; where hardly any key comes twice, rows become records as they are. Then
each partition of all morsels is merged by itself, several side by side, in a table that fits the second-level cache.
Records of few rows at a time are kept, so memory grows with the groups, not with the rows. Results do not depend on
which worker did what. (Leis and others, "Morsel-Driven Parallelism", 2014; Kuiper and others, "Robust External Hash
Aggregation in the Solid State Age", 2024.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.kernel.hashtable import HashTable
from locality.kernel.loader import primitive
from locality.operators.aggregation.accumulators import Slots, fresh
from locality.operators.aggregation.output import Groups, concat_groups
from locality.operators.codegen.block import BLOCK
from locality.operators.physical import Execution, Traffic
from locality.operators.pipeline import Morsel, Pipeline
from locality.operators.scan import count_scan, run_morsels

AnyArray = npt.NDArray[Any]

#: Groups of a worker's small table: with a few cells each it fits a second-level cache of a megabyte.
SMALL_GROUPS = 16384
#: Partitions of records; records that are worth a table of their own when they are merged.
_PARTITIONS = 256
_TABLE_RECORDS = 65536
#: Bytes of records that are kept before they are merged.
_ROUND_BYTES = 256 << 20
#: Groups that there is room for before it is known how many records a group has.
_FIRST_GROUPS = 4096

_OPS = {"+": 0, "min": 1, "max": 2}


@dataclass(frozen=True, eq=False)
class Records:
    """Groups of a morsel: words of the key, then integer cells, shape (words + slots, room); float cells likewise.

    offsets, shape (chunks, partitions + 1): where each partition begins in each chunk.
    """

    integers: AnyArray
    floats: AnyArray
    offsets: AnyArray

    @property
    def count(self) -> int:
        return int(self.offsets[-1, -1]) if len(self.offsets) else 0

    @property
    def nbytes(self) -> int:
        return self.count * 8 * (len(self.integers) + len(self.floats))

    def sizes(self, first: int, last: int) -> int:
        """Records of partitions ``first`` to ``last``."""
        return int((self.offsets[:, last] - self.offsets[:, first]).sum())


class SmallTable:
    """One worker's table, used again for each morsel."""

    def __init__(self, words: int, slots: Slots) -> None:
        self._words, self._slots = words, slots
        self._table = HashTable(words, SMALL_GROUPS, [int(slot.identity) for slot in slots.integers])
        self._integers, self._floats = _cells(slots, SMALL_GROUPS)

    def run(self, rows: int, call: Callable[[tuple[AnyArray, ...]], int]) -> tuple[int, Records]:
        """Runs a morsel of ``rows``; returns what the kernel returned, and the morsel's groups."""
        table = self._table
        table.header[:5] = 0
        integers = np.empty((self._words + len(self._slots.integers), rows), np.int64)
        floats = np.empty((len(self._slots.floats), rows))
        offsets = np.empty((rows // (SMALL_GROUPS - BLOCK) + 2, _PARTITIONS + 1), np.int64)
        tables = table.slots, table.stored, table.header
        faults = call((self._integers, self._floats, *tables, integers, floats, offsets))
        written = primitive("flush_groups")(*tables, self._integers, self._floats, integers, floats, offsets)
        if 2 * written < rows:
            integers, floats = integers[:, :written].copy(), floats[:, :written].copy()
        return faults, Records(integers, floats, offsets[: int(table.header[4])].copy())


class GroupTable:
    """The groups of some partitions, and their cells."""

    def __init__(self, words: int, slots: Slots, first: int, last: int) -> None:
        self._slots, self._words = slots, words
        self._partitions = np.array([first, last])
        self._table = HashTable(words, 1)
        self._integers, self._floats = _columns(slots, 1)

    @property
    def nbytes(self) -> int:
        return self._table.nbytes + self._integers.nbytes + self._floats.nbytes

    @property
    def groups(self) -> Groups:
        count = len(self._table)
        return Groups(self._table.keys, self._integers[:, :count].T, self._floats[:, :count].T)

    def absorb(self, parts: Sequence[Records]) -> None:
        """Adds the records of its partitions, in order."""
        first, last = self._partitions.tolist()
        sizes = [part.sizes(first, last) for part in parts]
        left = sum(sizes)
        for part, size in zip(parts, sizes, strict=True):
            self._fold(part, self._number(part, size, left))
            left -= size

    def _number(self, part: Records, size: int, left: int) -> AnyArray:
        """The groups of a part's records; ``left``: records that may still come, this part's included."""
        table, flat, room = self._table, part.integers.reshape(-1), part.integers.shape[1]
        numbers = np.empty(size, np.int64)
        most = len(table) + left
        chunk = 0
        while True:
            state = (table.slots, table.stored, table.header)
            chunk = primitive("number_records")(flat, room, part.offsets, chunk, self._partitions, *state, numbers)
            if chunk == len(part.offsets):
                return numbers
            expected = expected_groups(len(table), table.rows, table.rows + left)
            self._reserve(min(max(expected, 2 * table.capacity, _FIRST_GROUPS), most))

    def _reserve(self, capacity: int) -> None:
        """Room, and cells without any row, for ``capacity`` groups."""
        count = len(self._table)
        self._table.reserve(capacity)
        more = _columns(self._slots, capacity)
        for old, new in zip((self._integers, self._floats), more, strict=True):
            new[:, :count] = old[:, :count]
        self._integers, self._floats = more

    def _fold(self, part: Records, numbers: AnyArray) -> None:
        scope = part.offsets, self._partitions, numbers
        for position, slot in enumerate(self._slots.integers):
            if not slot.is_separate:
                primitive("fold_cells")(
                    _OPS[slot.op], self._integers[position], part.integers[self._words + position], *scope
                )
        for position, slot in enumerate(self._slots.floats):
            if not slot.is_separate:
                primitive("fold_cells")(_OPS[slot.op], self._floats[position], part.floats[position], *scope)
        for moments in self._slots.moments:
            counts = part.integers[self._words + moments.count]
            at = np.array([moments.count, moments.mean])
            primitive("fold_moments")(self._integers, self._floats, at, counts, part.floats[moments.mean :], *scope)


def expected_groups(found: int, drawn: int, total: int) -> int:
    """How many groups ``total`` rows have, if ``drawn`` of them have ``found``, with a little to spare.

    As if all groups were equally frequent: ``found = n * (1 - exp(-drawn / n))`` where there are ``n`` in all.
    """
    if found >= 0.98 * drawn:
        return total
    low, high = float(found), 64.0 * drawn
    for _ in range(20):
        middle = (low + high) / 2
        if middle * -math.expm1(-drawn / middle) < found:
            low = middle
        else:
            high = middle
    return int(1.1 * high * -math.expm1(-total / high))


def _cells(slots: Slots, groups: int) -> tuple[AnyArray, AnyArray]:
    """Cells of groups without any row, shape (groups, slots)."""
    floats = fresh(slots.floats, groups, np.float64) if slots.floats else np.empty((groups, 0))
    return fresh(slots.integers, groups, np.int64), floats


def _columns(slots: Slots, groups: int) -> tuple[AnyArray, AnyArray]:
    """The same slot by slot, shape (slots, groups)."""
    integers = np.zeros((len(slots.integers), groups), np.int64)
    for position, slot in enumerate(slots.integers):
        if slot.identity != 0:
            integers[position] = slot.identity
    return integers, np.zeros((len(slots.floats), groups))


def group_by_hash(pipeline: Pipeline, words: int, slots: Slots, execution: Execution, traffic: Traffic) -> Groups:
    """The groups of a pipeline that ends in a sink which numbers them by :func:`number_or_flush`."""
    small: dict[int, SmallTable] = {}
    tables: list[GroupTable] = []
    for morsels in _rounds(pipeline.morsels, 8 * (words + len(slots.integers) + len(slots.floats))):
        parts: dict[Morsel, Records] = {}

        def work(worker: int, morsel: Morsel, parts: dict[Morsel, Records] = parts) -> int:
            if worker not in small:
                small[worker] = SmallTable(words, slots)
            faults, records = small[worker].run(morsel.rows, lambda state: pipeline.call(morsel, state))
            execution.reserve(records.nbytes, "the groups of an aggregation")
            parts[morsel] = records
            return faults

        run_morsels(pipeline, execution, morsels, work)
        ordered = [parts[morsel] for morsel in morsels]
        tables = tables or _tables(words, slots, sum(part.count for part in ordered))

        def merge(worker: int, table: GroupTable, ordered: Sequence[Records] = ordered) -> None:
            before = table.nbytes
            table.absorb(ordered)
            execution.reserve(table.nbytes - before, "the groups of an aggregation")

        execution.run(tables, merge)
        held = sum(part.nbytes for part in ordered)
        execution.release(held)
        traffic.state += 2 * held
    count_scan(pipeline, traffic)
    traffic.state += 2 * sum(table.nbytes for table in tables)
    return concat_groups([table.groups for table in tables or _tables(words, slots, 0)], execution)


def _rounds(morsels: Sequence[Morsel], width: int) -> Iterator[list[Morsel]]:
    """The morsels in order, as many at a time as make records of a bounded number of bytes at most."""
    some: list[Morsel] = []
    for morsel in morsels:
        if some and (sum(m.rows for m in some) + morsel.rows) * width > _ROUND_BYTES:
            yield some
            some = []
        some.append(morsel)
    if some:
        yield some


def _tables(words: int, slots: Slots, records: int) -> list[GroupTable]:
    """A table for each of the partitions, or for several together where there are few records."""
    count = min(1 << (records // _TABLE_RECORDS).bit_length(), _PARTITIONS)
    step = _PARTITIONS // count
    return [GroupTable(words, slots, first, first + step) for first in range(0, _PARTITIONS, step)]
