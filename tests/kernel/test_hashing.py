"""The hash table of groups and its flushes, against dictionaries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality.kernel.hashtable import HashTable
from tests.kernel.both import both

words = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)
Rows = Sequence[tuple[int, ...]]


def numbers(rows: Rows) -> list[int]:
    seen: dict[tuple[int, ...], int] = {}
    return [seen.setdefault(row, len(seen)) for row in rows]


def by_words(rows: Rows, width: int, stride: int) -> Any:
    keys = np.zeros(stride * width, np.int64)
    for i, row in enumerate(rows):
        keys[i::stride] = row
    return keys


@pytest.mark.parametrize("width", [1, 2, 3])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_keys_are_numbered_as_they_come(width: int, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.tuples(*[words] * width), max_size=40))
    stride = len(rows) + 3
    keys = by_words(rows, width, stride)
    for number_groups in both("number_groups"):
        table = HashTable(width, capacity=8)
        found: list[int] = []
        for start in range(0, len(rows), 7):
            n = min(7, len(rows) - start)
            table.reserve(len(table) + n)
            groups = np.zeros(n, np.int64)
            count = number_groups(keys, start, stride, n, table.slots, table.stored, table.header, groups)
            assert count == len(table)
            found += groups.tolist()
        assert found == numbers(rows)
        assert table.rows == len(rows)
        assert [tuple(key) for key in table.keys.tolist()] == list(dict.fromkeys(rows))


@pytest.mark.parametrize("shift", [0, 8, 32, 52])
@pytest.mark.parametrize("width", [1, 2])
def test_close_keys_spread_over_the_slots(width: int, shift: int) -> None:
    keys = np.zeros((width, 1024), np.int64)
    keys[-1] = np.arange(1024) << shift
    table = HashTable(width, capacity=1024)
    for number_groups in both("number_groups")[:1]:
        number_groups(
            keys.reshape(-1), 0, 1024, 1024, table.slots, table.stored, table.header, np.empty(1024, np.int64)
        )
    taken = np.flatnonzero(table.slots)
    longest = max(len(run) for run in np.split(taken, np.flatnonzero(np.diff(taken) > 1) + 1))
    assert longest < 20  # of 4096 slots a quarter is taken


def identity(op: str) -> int:
    return {"+": 0, "min": 2**63 - 1, "max": -(2**63)}[op]


OPS = ("+", "min", "max")


class Small:
    """A table of 16 groups with cells for a count and each operation, flushed to records of four partitions."""

    def __init__(self, width: int, rows: int) -> None:
        identities = [identity(op) for op in OPS]
        self.table = HashTable(width, 16, identities)
        self.integers = np.tile(np.array(identities), (16, 1))
        self.floats = np.zeros((16, 1))
        self.records = np.full((width + len(OPS), rows), -7)
        self.reals = np.full((1, rows), -7.0)
        self.offsets = np.full((rows // 8 + 2, 5), -7)

    @property
    def state(self) -> tuple[Any, ...]:
        table = self.table
        return (table.slots, table.stored, table.header, self.integers, self.floats, *self.out)

    @property
    def out(self) -> tuple[Any, ...]:
        return self.records, self.reals, self.offsets

    def add(self, groups: Sequence[int], values: Sequence[int]) -> None:
        for group, value in zip(groups, values, strict=True):
            cells = self.integers[group].tolist()
            self.integers[group] = [cells[0] + value, min(cells[1], value), max(cells[2], value)]
            self.floats[group, 0] += value


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("way", [0, 1])
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_flushed_groups_merge_to_those_of_all_rows(width: int, way: int, data: st.DataObject) -> None:
    few = data.draw(st.sampled_from([3, 30, 2**40]))
    key = st.tuples(*[st.integers(-few, few)] * width)
    rows = data.draw(st.lists(key, max_size=90))
    values = data.draw(st.lists(st.integers(-100, 100), min_size=len(rows), max_size=len(rows)))
    small = Small(width, len(rows) + 1)
    number_or_flush, flush_groups = both("number_or_flush")[way], both("flush_groups")[way]
    for start in range(0, len(rows), 8):
        part = rows[start : start + 8]
        groups = np.zeros(8, np.int64)
        number_or_flush(by_words(part, width, 8), len(part), *small.state, groups)
        small.add(groups[: len(part)].tolist(), values[start : start + 8])
    written = flush_groups(*small.state)
    assert len(small.table) == 0
    assert not small.table.slots.any()
    offsets = small.offsets[: small.table.header[4]]
    assert offsets[0, 0] == 0
    assert offsets[-1, -1] == written <= len(rows)
    assert (np.diff(offsets.reshape(-1)) >= 0).all()

    expected: dict[tuple[int, ...], list[int]] = {}
    for row, value in zip(rows, values, strict=True):
        expected.setdefault(row, []).append(value)
    merged: dict[tuple[int, ...], tuple[int, int, int, float]] = {}
    for partition in range(4):
        for key_of, cells in merge(small, width, offsets, partition, way).items():
            assert key_of not in merged  # equal keys are in one partition
            merged[key_of] = cells
    assert merged == {key: (sum(v), min(v), max(v), float(sum(v))) for key, v in expected.items()}


def merge(
    small: Small, width: int, offsets: Any, partition: int, way: int
) -> dict[tuple[int, ...], tuple[int, int, int, float]]:
    number_records, fold_cells = both("number_records")[way], both("fold_cells")[way]
    room = small.records.shape[1]
    bounds = np.array([partition, partition + 1])
    groups = np.empty(int((offsets[:, partition + 1] - offsets[:, partition]).sum()), np.int64)
    table = HashTable(width, 1)
    chunk = 0
    while chunk < len(offsets):
        state = table.slots, table.stored, table.header
        chunk = number_records(small.records.reshape(-1), room, offsets, chunk, bounds, *state, groups)
        table.reserve(len(table) + 16)
    count = len(table)
    cells = [np.full(count, identity(op)) for op in OPS]
    reals = np.zeros(count)
    for op, column in enumerate(cells):
        fold_cells(op, column, small.records[width + op], offsets, bounds, groups)
    fold_cells(0, reals, small.reals[0], offsets, bounds, groups)
    keys = [tuple(key) for key in table.keys.tolist()]
    return dict(zip(keys, zip(*(column.tolist() for column in cells), reals.tolist(), strict=True), strict=True))


def test_a_table_full_of_different_keys_keeps_rows_apart() -> None:
    for number_or_flush in both("number_or_flush"):
        small = Small(1, 100)
        groups = np.zeros(8, np.int64)
        for start in range(0, 48, 8):
            number_or_flush(np.arange(start, start + 8) // 2 * 2, 8, *small.state, groups)
        assert small.table.header[2] == 0  # two rows a group: the table is worth it
        small = Small(1, 100)
        for start in range(0, 24, 8):
            number_or_flush(np.arange(start, start + 8), 8, *small.state, groups)
        assert small.table.header[2] == 1
        number_or_flush(np.full(8, 5), 8, *small.state, groups)
        assert groups.tolist() == list(range(8, 16))


def test_moments_of_parts_add_up() -> None:
    rng = np.random.default_rng(2)
    parts = [rng.normal(1e6, 3.0, size) for size in (1, 4, 0, 7)]
    counts = np.array([len(part) for part in parts])
    means = np.array(
        [
            [part.mean() if len(part) else 0.0 for part in parts],
            [float(part.var() * len(part)) if len(part) else 0.0 for part in parts],
        ]
    )
    for fold_moments in both("fold_moments"):
        integers, floats = np.zeros((2, 3), np.int64), np.zeros((3, 3))
        offsets, bounds = np.array([[0, 1, 4], [4, 4, 4]]), np.array([0, 2])
        fold_moments(integers, floats, np.array([1, 1]), counts, means, offsets, bounds, np.full(4, 2))
        together = np.concatenate(parts)
        assert integers[1].tolist() == [0, 0, 12]
        assert math.isclose(floats[1, 2], together.mean(), rel_tol=1e-14)
        assert math.isclose(floats[2, 2], together.var() * 12, rel_tol=1e-9)
