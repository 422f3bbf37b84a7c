"""Groups of morsels in a small table: few of them put together, many as records; against a dictionary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from locality.operators.aggregation.accumulators import Slot, Slots
from locality.operators.aggregation.output import Groups
from locality.operators.aggregation.records import (
    NARROW_GROUPS,
    SMALL_GROUPS,
    Records,
    Room,
    SmallTable,
    merge_few,
    most_groups,
)
from locality.operators.codegen.block import BLOCK
from locality.plan.expressions import ColumnRef
from locality.types import parse
from tests.kernel.both import both

_X = ColumnRef(0, parse("BIGINT"))
SLOTS = Slots([Slot("+", "one"), Slot("max", "value", _X)], [])


def run(small: SmallTable, keys: Any) -> Groups | Records:
    """The groups of rows whose value is their position, by a kernel in Python."""
    number_groups = both("number_groups")[0]
    calls = []

    def call(start: int, stop: int, state: tuple[Any, ...]) -> int:
        calls.append((start, stop))
        integers, _, *table = state
        words = np.zeros(BLOCK, np.int64)
        for first in range(start, stop, BLOCK):
            n = min(BLOCK, stop - first)
            words[:n] = keys[first : first + n]
            numbers = np.empty(BLOCK, np.int64)
            number_groups(words, n, *table, numbers)
            np.add.at(integers[:, 0], numbers[:n], 1)
            np.maximum.at(integers[:, 1], numbers[:n], np.arange(first, first + n))
        return 1 if start == 0 else 0

    faults, part = small.run(len(keys), call, Room(1, SLOTS, [7, len(keys)], sparse=len(keys) % 2 == 0).writer(1))
    assert faults == (1 if len(keys) else 0)
    assert [stop for _, stop in calls[:-1]] == [start for start, _ in calls[1:]]
    return part


def totals(part: Groups | Records) -> dict[int, tuple[int, int]]:
    """Rows and last position by key."""
    if isinstance(part, Groups):
        rows = np.concatenate((part.keys, part.integers), axis=1)
    else:
        rows = part.integers[:, 7 : 7 + len(part)].T
    found: dict[int, tuple[int, int]] = {}
    for key, count, last in rows.tolist():
        old = found.get(key, (0, -1))
        found[key] = (old[0] + count, max(old[1], last))
    return found


def expected(keys: Any) -> dict[int, tuple[int, int]]:
    values, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    last = np.zeros(len(values), np.int64)
    np.maximum.at(last, inverse, np.arange(len(keys)))
    return {k: (c, x) for k, c, x in zip(values.tolist(), counts.tolist(), last.tolist(), strict=True)}


@pytest.mark.parametrize(
    ("groups", "many"), [(1, False), (5000, False), (NARROW_GROUPS // 2, False), (200_000, True), (2**60, True)]
)
def test_a_table_is_used_for_one_morsel_after_the_other(groups: int, many: bool) -> None:
    small = SmallTable(1, SLOTS, 100_001)
    rng = np.random.default_rng(6)
    for rows in (100_001, 0, 5, 60_000):
        keys = rng.integers(0, groups, rows)
        part = run(small, keys)
        assert isinstance(part, Records) == (many and rows > NARROW_GROUPS)
        assert totals(part) == expected(keys)
        if groups == 2**60:
            assert len(part) == rows  # rows kept apart


@pytest.mark.parametrize(("cells", "groups"), [(1, NARROW_GROUPS), (40, SMALL_GROUPS)])
def test_a_table_of_wide_groups_has_room_for_fewer(cells: int, groups: int) -> None:
    slots = Slots([Slot("+", f"value{i}", _X) for i in range(cells)], [])
    assert most_groups(1, slots) == groups


@pytest.mark.parametrize("rows", [1, 1024, 1025, 5000, 20_000])
def test_a_small_table_has_room_for_small_morsels(rows: int) -> None:
    small = SmallTable(1, SLOTS, rows)
    keys = np.random.default_rng(3).permutation(rows)
    for part in (run(small, keys), run(small, keys[: rows // 2])):
        assert totals(part) == expected(keys[: len(part)])


def test_few_groups_are_put_together_in_order() -> None:
    small = SmallTable(1, SLOTS, 1000)
    rng = np.random.default_rng(8)
    rows = [rng.integers(0, 300, n) for n in (1000, 1, 700)]
    parts = [run(small, keys) for keys in rows]
    few = [part for part in parts if isinstance(part, Groups)]
    assert len(few) == 3
    merged = merge_few(few, SLOTS)
    assert merged.keys[:, 0].tolist() == list(dict.fromkeys(np.concatenate(rows).tolist()))
    records = [totals(Room(1, SLOTS, [7, 300], sparse=True).writer(1).write_all(part)) for part in few]
    assert records == [totals(part) for part in few] == [expected(keys) for keys in rows]
    assert {k: c for k, (c, _) in totals(merged).items()} == {
        k: c for k, (c, _) in expected(np.concatenate(rows)).items()
    }
