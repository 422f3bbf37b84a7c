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
    for number_groups in both("number_groups"):
        table = HashTable(width, 8, stride=7)
        found: list[int] = []
        for start in range(0, len(rows), 7):
            part = rows[start : start + 7]
            table.reserve(len(table) + len(part))
            groups = np.zeros(7, np.int64)
            count = number_groups(by_words(part, width, 7), len(part), table.slots, table.stored, table.header, groups)
            assert count == len(table)
            found += groups[: len(part)].tolist()
        assert found == numbers(rows)
        assert table.rows == len(rows)
        assert [tuple(key) for key in table.keys.tolist()] == list(dict.fromkeys(rows))


def test_rows_may_be_kept_apart() -> None:
    for number_groups in both("number_groups"):
        table = HashTable(2, 20, stride=4)
        table.forget(apart=True)
        for expected in ([0, 1, 2], [3, 4, 5]):
            groups = np.zeros(4, np.int64)
            number_groups(by_words([(1, 5), (1, 5), (2, 6)], 2, 4), 3, table.slots, table.stored, table.header, groups)
            assert groups[:3].tolist() == expected
        assert table.keys.tolist() == [[1, 5], [1, 5], [2, 6]] * 2
        assert not table.slots.any()


@pytest.mark.parametrize("shift", [0, 8, 32, 52])
@pytest.mark.parametrize("width", [1, 2])
def test_close_keys_spread_over_the_slots(width: int, shift: int) -> None:
    keys = np.zeros((width, 1024), np.int64)
    keys[-1] = np.arange(1024) << shift
    table = HashTable(width, 1024, stride=1024)
    number_groups = both("number_groups")[0]
    number_groups(keys.reshape(-1), 1024, table.slots, table.stored, table.header, np.empty(1024, np.int64))
    taken = np.flatnonzero(table.slots)
    longest = max(len(run) for run in np.split(taken, np.flatnonzero(np.diff(taken) > 1) + 1))
    assert longest < 20  # of 4096 slots a quarter is taken


def identity(op: str) -> int:
    return {"+": 0, "min": 2**63 - 1, "max": -(2**63)}[op]


OPS = ("+", "min", "max")
Cells = tuple[int, int, int, float]


class Flushed:
    """Rows in tables of up to 16 groups with cells for each operation, each flushed to records of four partitions."""

    def __init__(self, rows: Rows, values: Sequence[int], width: int, way: int) -> None:
        self.width, self.way = width, way
        self.records = np.full((width + len(OPS), len(rows) + 1), -7)
        self.reals = np.full((1, len(rows) + 1), -7.0)
        self.offsets = np.full((len(rows) // 16 + 1, 5), -7)
        self.written = 0
        for chunk in range(len(self.offsets)):
            part = slice(16 * chunk, 16 * chunk + 16)
            self.written = self._flush(rows[part], values[part], chunk)

    def _flush(self, rows: Rows, values: Sequence[int], chunk: int) -> int:
        number_groups, flush_groups = both("number_groups")[self.way], both("flush_groups")[self.way]
        table = HashTable(self.width, 16, stride=16)
        groups = np.zeros(16, np.int64)
        state = (table.slots, table.stored, table.header)
        number_groups(by_words(rows, self.width, 16), len(rows), *state, groups)
        integers, floats = np.tile(np.array([identity(op) for op in OPS]), (16, 1)), np.zeros((16, 1))
        for group, value in zip(groups.tolist(), values, strict=False):
            total, least, most = integers[group].tolist()
            integers[group] = [total + value, min(least, value), max(most, value)]
            floats[group, 0] += value
        written: int = flush_groups(
            *state, integers, floats, self.records, self.reals, self.offsets, chunk, self.written
        )
        assert not table.slots.any()
        return written

    def merge(self, partition: int) -> dict[tuple[int, ...], Cells]:
        """The groups of one partition and their cells."""
        number_records, fold_cells = both("number_records")[self.way], both("fold_cells")[self.way]
        bounds = np.array([partition, partition + 1])
        groups = np.empty(int((self.offsets[:, partition + 1] - self.offsets[:, partition]).sum()), np.int64)
        table = HashTable(self.width, 1, stride=self.records.shape[1])
        chunk = 0
        while chunk < len(self.offsets):
            state = table.slots, table.stored, table.header
            chunk = number_records(self.records.reshape(-1), self.offsets, chunk, bounds, *state, groups)
            table.reserve(len(table) + 16)
        cells = [np.full(len(table), identity(op)) for op in OPS]
        reals = np.zeros(len(table))
        for op, column in enumerate(cells):
            fold_cells(op, column, self.records[self.width + op], self.offsets, bounds, groups)
        fold_cells(0, reals, self.reals[0], self.offsets, bounds, groups)
        keys = [tuple(key) for key in table.keys.tolist()]
        return dict(zip(keys, zip(*(column.tolist() for column in cells), reals.tolist(), strict=True), strict=True))


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("way", [0, 1])
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_flushed_groups_merge_to_those_of_all_rows(width: int, way: int, data: st.DataObject) -> None:
    few = data.draw(st.sampled_from([3, 30, 2**40]))
    rows = data.draw(st.lists(st.tuples(*[st.integers(-few, few)] * width), max_size=90))
    values = data.draw(st.lists(st.integers(-100, 100), min_size=len(rows), max_size=len(rows)))
    flushed = Flushed(rows, values, width, way)
    assert flushed.offsets[0, 0] == 0
    assert flushed.offsets[-1, -1] == flushed.written <= len(rows)
    assert (np.diff(flushed.offsets.reshape(-1)) >= 0).all()

    expected: dict[tuple[int, ...], list[int]] = {}
    for row, value in zip(rows, values, strict=True):
        expected.setdefault(row, []).append(value)
    merged: dict[tuple[int, ...], Cells] = {}
    for partition in range(4):
        found = flushed.merge(partition)
        assert not merged.keys() & found.keys()  # equal keys are in one partition
        merged |= found
    assert merged == {key: (sum(v), min(v), max(v), float(sum(v))) for key, v in expected.items()}


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


@pytest.mark.parametrize("way", [0, 1])
def test_bits_of_records_are_those_of_all_rows(way: int) -> None:
    values = np.array([5, -1, 12, 6, 2**62, 7], np.int64)
    offsets = np.array([[0, 2, 3], [3, 5, 6]])  # two chunks of two partitions
    bounds, groups = np.array([0, 1]), np.array([1, 0, 1, 1])  # rows 0, 1, 3 and 4 are those of the first partition
    wanted = {0: [-1, 5 & 6 & 2**62], 1: [-1, 5 | 6 | 2**62], 2: [-1, 5 ^ 6 ^ 2**62]}
    for op, expected in wanted.items():
        cells = np.array([-1, -1] if op == 0 else [0, 0])
        assert both("fold_bits")[way](op, cells, values, offsets, bounds, groups) == 4
        assert cells.tolist() == expected
