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
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.kernel.hashtable import HashTable
from locality.kernel.loader import primitive
from locality.operators.aggregation.accumulators import Slots
from locality.operators.aggregation.output import Groups, concat_groups, no_groups
from locality.operators.aggregation.records import PARTITIONS, SMALL_GROUPS, Records, Room, SmallTable, merge_few
from locality.operators.morsels import Morsel
from locality.operators.physical import Execution, Traffic
from locality.operators.pipeline import Pipeline
from locality.operators.scan import count_scan, run_morsels

AnyArray = npt.NDArray[Any]

#: Records that are worth a table of their own when they are merged.
_TABLE_RECORDS = 32768
#: Bytes of records that are kept before they are merged.
_ROUND_BYTES = 256 << 20
#: The share of rows expected to become records below which these are taken to be few against the room for them.
_DENSE_SHARE = 0.5
#: Groups that there is room for before it is known how many records a group has.
_FIRST_GROUPS = 4096

_OPS = {"+": 0, "min": 1, "max": 2, "&": 0, "|": 1, "^": 2}
_BITWISE = frozenset({"&", "|", "^"})


class GroupTable:
    """The groups of some partitions, and their cells."""

    def __init__(self, words: int, slots: Slots, first: int, last: int) -> None:
        self._slots, self._words = slots, words
        self._partitions = np.array([first, last])
        self._table = HashTable(words, 1, 1)
        self._integers, self._floats = _columns(slots, 1)

    @property
    def nbytes(self) -> int:
        return self._table.nbytes + self._integers.nbytes + self._floats.nbytes

    @property
    def groups(self) -> Groups:
        count = len(self._table)
        return Groups(self._table.keys, self._integers[:, :count].T, self._floats[:, :count].T)

    def absorb(self, records: Records) -> None:
        """Adds the records of its partitions, in order."""
        table, flat = self._table, records.integers.reshape(-1)
        table.stride = records.integers.shape[1]
        numbers = np.empty(records.size(*self._partitions.tolist()), np.int64)
        most, rows = len(table) + len(numbers), table.rows + len(numbers)
        chunk = 0
        while chunk < len(records.offsets):
            state = (table.slots, table.stored, table.header)
            chunk = primitive("number_records")(flat, records.offsets, chunk, self._partitions, *state, numbers)
            if chunk < len(records.offsets):
                expected = expected_groups(len(table), table.rows, rows)
                self._reserve(min(max(expected, 2 * table.capacity, _FIRST_GROUPS), most))
        self._fold(records, numbers)

    def _reserve(self, capacity: int) -> None:
        """Room, and cells without any row, for ``capacity`` groups."""
        count = len(self._table)
        self._table.reserve(capacity)
        more = _columns(self._slots, capacity)
        for old, new in zip((self._integers, self._floats), more, strict=True):
            new[:, :count] = old[:, :count]
        self._integers, self._floats = more

    def _fold(self, records: Records, numbers: AnyArray) -> None:
        """Adds the cells of records to those of their groups."""
        fold, fold_bits = primitive("fold_cells"), primitive("fold_bits")
        scope = records.offsets, self._partitions, numbers
        for position, slot in enumerate(self._slots.integers):
            if not slot.is_separate:
                cells, values = self._integers[position], records.integers[self._words + position]
                (fold_bits if slot.op in _BITWISE else fold)(_OPS[slot.op], cells, values, *scope)
        for position, slot in enumerate(self._slots.floats):
            if not slot.is_separate:
                fold(_OPS[slot.op], self._floats[position], records.floats[position], *scope)
        for moments in self._slots.moments:
            at = np.array([moments.count, moments.mean])
            more = records.integers[self._words + moments.count], records.floats[moments.mean :]
            primitive(moments.fold)(self._integers, self._floats, at, *more, *scope)


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


def _columns(slots: Slots, groups: int) -> tuple[AnyArray, AnyArray]:
    """Cells of groups without any row, slot by slot: shape (slots, groups)."""
    integers = np.zeros((len(slots.integers), groups), np.int64)
    for position, slot in enumerate(slots.integers):
        if slot.identity != 0:
            integers[position] = slot.identity
    return integers, np.zeros((len(slots.floats), groups))


def group_by_hash(pipeline: Pipeline, words: int, slots: Slots, execution: Execution, traffic: Traffic) -> Groups:
    """The groups of a pipeline that ends in a :class:`~locality.operators.aggregation.hashing.HashSink`."""
    grouping = HashGrouping(words, slots, execution)
    for morsels in _rounds(pipeline.morsels, 8 * (words + len(slots.integers) + len(slots.floats))):
        traffic.state += 2 * grouping.add(pipeline, morsels)
    count_scan(pipeline, traffic)
    traffic.state += 2 * grouping.nbytes
    return grouping.groups()


class HashGrouping:
    """The groups of the rows so far: few of them together, or many in a table for each of some partitions."""

    def __init__(self, words: int, slots: Slots, execution: Execution) -> None:
        self._words, self._slots, self._execution = words, slots, execution
        self._small: dict[int, SmallTable] = {}
        self._few = no_groups(slots, words)
        self._tables: list[GroupTable] = []

    def add(self, pipeline: Pipeline, morsels: Sequence[Morsel]) -> int:
        """Adds the rows of morsels; returns the bytes of state that they made."""
        sparse = bool(pipeline.links) or pipeline.passing_share < _DENSE_SHARE
        room = Room(self._words, self._slots, [SMALL_GROUPS, *(morsel.rows for morsel in morsels)], sparse=sparse)
        made = self._run(pipeline, morsels, room)
        parts = [self._few, *made]
        few = [part for part in parts if isinstance(part, Groups) and len(part)]
        records = [part for part in made if isinstance(part, Records)]
        if not records and not self._tables and sum(map(len, few)) <= SMALL_GROUPS:
            self._few = merge_few(few, self._slots) if few else self._few
        else:
            written = [
                part if isinstance(part, Records) else room.writer(number).write_all(part)
                for number, part in enumerate(parts)
            ]
            self._few = no_groups(self._slots, self._words)
            self._merge(room.together(written))
        held = sum(part.nbytes for part in made)
        self._execution.release(held)
        return held

    @property
    def nbytes(self) -> int:
        return self._few.nbytes + sum(table.nbytes for table in self._tables)

    def groups(self) -> Groups:
        """All groups."""
        if not self._tables:
            return self._few
        return concat_groups([self._few, *(table.groups for table in self._tables)], self._execution)

    def _run(self, pipeline: Pipeline, morsels: Sequence[Morsel], room: Room) -> list[Groups | Records]:
        done: dict[Morsel, Groups | Records] = {}

        numbers = {morsel: number for number, morsel in enumerate(morsels, 1)}
        most = max((morsel.rows for morsel in pipeline.morsels), default=0)

        def work(worker: int, morsel: Morsel) -> int:
            if worker not in self._small:
                self._small[worker] = SmallTable(self._words, self._slots, most)

            def call(start: int, stop: int, state: tuple[AnyArray, ...]) -> int:
                return pipeline.call(morsel.cut(start, stop), state)

            writer = room.writer(numbers[morsel])
            faults, part = self._small[worker].run(morsel.rows, call, writer)
            self._execution.reserve(part.nbytes, "the groups of an aggregation")
            done[morsel] = part
            return faults

        run_morsels(pipeline, self._execution, morsels, work)
        return [done[morsel] for morsel in morsels]

    def _merge(self, records: Records) -> None:
        """Adds records to the tables, several tables side by side."""
        if not self._tables:
            count = min(1 << (len(records) // _TABLE_RECORDS).bit_length(), PARTITIONS)
            step = PARTITIONS // count
            firsts = range(0, PARTITIONS, step)
            self._tables = [GroupTable(self._words, self._slots, first, first + step) for first in firsts]

        def absorb(worker: int, table: GroupTable) -> None:
            before = table.nbytes
            table.absorb(records)
            self._execution.reserve(table.nbytes - before, "the groups of an aggregation")

        self._execution.run(self._tables, absorb)


def _rounds(morsels: Sequence[Morsel], width: int) -> Iterator[list[Morsel]]:
    """The morsels in order, as many at a time as make records of a bounded number of bytes at most."""
    some: list[Morsel] = []
    held = 0
    for morsel in morsels:
        if some and held + morsel.rows * width > _ROUND_BYTES:
            yield some
            some, held = [], 0
        some.append(morsel)
        held += morsel.rows * width
    if some:
        yield some
