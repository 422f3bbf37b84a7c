"""The hash table of groups, against a dictionary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality.kernel.hashtable import HashTable
from tests.kernel.both import both

words = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)


def numbers(rows: list[tuple[int, ...]]) -> list[int]:
    seen: dict[tuple[int, ...], int] = {}
    return [seen.setdefault(row, len(seen)) for row in rows]


@pytest.mark.parametrize("width", [1, 2, 3])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_keys_are_numbered_as_they_come(width: int, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.tuples(*[words] * width), max_size=40))
    expected = numbers(rows)
    block = 7
    for has_room, number_groups in zip(both("has_room"), both("number_groups"), strict=True):
        table = HashTable(width, capacity=8)
        found: list[int] = []
        start = 0
        while start < len(rows):
            part = rows[start : start + block]
            if not has_room(table.slots, table.stored, table.state, len(part), start):
                assert table.turned_away == start
                table.reserve(len(table) + len(part))
                continue
            keys = np.zeros(block * width, np.int64)
            for i, row in enumerate(part):
                keys[i::block] = row
            groups = np.zeros(len(part), np.int64)
            count = number_groups(keys, len(part), table.slots, table.stored, table.state, groups)
            assert count == len(table)
            found += groups.tolist()
            start += len(part)
        assert found == expected
        assert [tuple(key) for key in table.keys.tolist()] == list(dict.fromkeys(rows))


def test_blocks_after_one_turned_away_are_turned_away_too() -> None:
    for has_room in both("has_room"):
        table = HashTable(1, capacity=8)
        assert has_room(table.slots, table.stored, table.state, 8, 0)
        assert not has_room(table.slots, table.stored, table.state, 9, 100)
        assert not has_room(table.slots, table.stored, table.state, 1, 200)
        assert table.turned_away == 100
        table.reserve(9)
        assert table.turned_away is None
        assert has_room(table.slots, table.stored, table.state, 9, 100)


@pytest.mark.parametrize("width", [1, 2])
def test_tables_grow_and_merge(width: int) -> None:
    rng = np.random.default_rng(3)
    left = rng.integers(-5000, 5000, (20_000, width)) << 40
    right = rng.integers(-5000, 5000, (20_000, width)) << 40
    table = HashTable(width, capacity=16)
    found = table.number(left).tolist() + table.number(right).tolist()
    assert found == numbers([tuple(row) for row in np.concatenate([left, right]).tolist()])


@pytest.mark.parametrize("shift", [0, 8, 32, 52])
@pytest.mark.parametrize("width", [1, 2])
def test_close_keys_spread_over_the_slots(width: int, shift: int) -> None:
    keys = np.zeros((1024, width), np.int64)
    keys[:, -1] = np.arange(1024) << shift
    table = HashTable(width, capacity=1024)
    table.number(keys)
    taken = np.flatnonzero(table.slots[1::2])
    longest = max(len(run) for run in np.split(taken, np.flatnonzero(np.diff(taken) > 1) + 1))
    assert longest < 40  # of 2048 slots half are taken: at random, runs of a dozen
