"""Hash tables of keys that are only read, against dictionaries: numbers, words and strings."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernel.both import both

NO_KEY = -(2**63)
PENDING = -2
numbers = st.integers(0, 5) | st.integers(0, 2**32 - 1) | st.just(NO_KEY)
words = st.integers(-3, 3) | st.integers(-(2**63) + 1, 2**63 - 1)
texts = st.text(max_size=3) | st.text("ab", min_size=6, max_size=20)


def first_rows(keys: list[Any]) -> list[int]:
    """The first row with each row's key; -1 for no key."""
    seen: dict[Any, int] = {}
    return [-1 if key in (NO_KEY, (NO_KEY, NO_KEY)) else seen.setdefault(key, row) for row, key in enumerate(keys)]


def fill(enter: Any, keys: Any, rows: int, slots: int, cuts: list[int]) -> tuple[Any, list[int], int]:
    """The slots after entering all keys part by part, then what is left; the ranks; how many keys were new."""
    table, ranks = np.zeros(slots, np.int64), np.full(rows, PENDING, np.int64)
    bounds = [0, *sorted(cut % slots for cut in cuts), slots]
    new = sum(int(enter(keys, a, b, table, ranks)) for a, b in itertools.pairwise(bounds) if cuts)
    new += int(enter(keys, 0, slots, table, ranks))
    return table, ranks.tolist(), new


def check_hints(slots: Any, stored: Any, keys: set[tuple[int, ...]]) -> None:
    """All keys of a table may be there by its hints, and an empty table has none."""
    for enter, mix, may_have in zip(both("enter_hints"), both("mix_word"), both("may_have"), strict=True):
        hints = np.zeros(4, np.int64)
        assert enter(slots, stored, hints) == len(keys)
        assert sum(int(word).bit_count() for word in hints.view(np.uint64)) <= len(keys)
        for key in keys:
            value = np.int64(0)
            for word in key:
                value = mix(value, np.int64(word))
            assert may_have(hints, np.int64(value))
            assert not may_have(np.zeros(4, np.int64), np.int64(value))


@settings(deadline=None, max_examples=60)
@given(st.lists(numbers, max_size=30), st.lists(numbers, max_size=10), st.lists(st.integers(0, 63), max_size=3))
def test_numbers(keys: list[int], others: list[int], cuts: list[int]) -> None:
    expected = first_rows(keys)
    places = {key: rank for key, rank in zip(keys, expected, strict=True) if rank >= 0}
    probes = keys + others
    for enter, find in zip(both("enter_numbers"), both("find_numbers"), strict=True):
        slots, ranks, new = fill(enter, np.array(keys, np.int64), len(keys), 64, cuts)
        assert ranks == expected
        assert new == len(places)
        found = np.empty(len(probes), np.int64)
        count = find(np.array(probes, np.int64), len(probes), slots, found)
        assert found.tolist() == [places.get(key, -1) for key in probes]
        assert count == sum(key in places for key in probes)
        check_hints(slots, np.zeros((0, 1), np.int64), {(key,) for key in places})


@pytest.mark.parametrize("width", [1, 2, 3])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_words(width: int, data: st.DataObject) -> None:
    keys = data.draw(st.lists(st.tuples(*[words] * width), min_size=1, max_size=30))
    others = data.draw(st.lists(st.tuples(*[words] * width), max_size=10))
    cuts = data.draw(st.lists(st.integers(0, 63), max_size=3))
    expected = first_rows(keys)
    places = dict(zip(reversed(keys), reversed(expected), strict=True))
    probes = [*keys, *others, (NO_KEY,) * width]
    stored = np.ascontiguousarray(np.array(keys, np.int64).reshape(-1, width).T)
    for enter, find in zip(both("enter_words"), both("find_words"), strict=True):
        slots, ranks, new = fill(enter, stored, len(keys), 64, cuts)
        assert ranks == expected
        assert new == len(set(keys))
        found = np.empty(len(probes), np.int64)
        flat = np.ascontiguousarray(np.array(probes, np.int64).reshape(-1, width).T).reshape(-1)
        find(flat, len(probes), slots, stored, found)
        check_hints(slots, stored, set(keys))
        assert found.tolist() == [places.get(key, -1) for key in probes]


def test_a_row_without_a_key_is_entered_nowhere() -> None:
    stored = np.array([[NO_KEY, 7, NO_KEY], [1, 1, 1]], np.int64)
    for enter in both("enter_words"):
        slots, ranks, new = fill(enter, stored, 3, 8, [])
        assert (ranks, new, np.count_nonzero(slots)) == ([-1, 1, -1], 1, 1)


@pytest.mark.parametrize("slots", [8, 64])
def test_runs_that_reach_the_end_of_a_part_go_on_after_it(slots: int) -> None:
    keys = np.arange(slots // 2, dtype=np.int64) * 1000
    for enter, find in zip(both("enter_numbers"), both("find_numbers"), strict=True):
        table, ranks, _ = fill(enter, keys, len(keys), slots, list(range(slots)))
        assert ranks == list(range(len(keys)))
        found = np.empty(len(keys), np.int64)
        assert find(keys, len(keys), table, found) == len(keys)


def _strings(values: list[str]) -> tuple[Any, Any]:
    encoded = [value.encode() for value in values]
    data = np.frombuffer(b"".join(encoded) + b"\0", np.uint8)
    return data, np.cumsum([0, *(len(value) for value in encoded)], dtype=np.int64)


@settings(deadline=None, max_examples=100)
@given(st.lists(texts, max_size=25), st.lists(texts, max_size=10))
def test_texts(rows: list[str], others: list[str]) -> None:
    expected = first_rows(rows)
    places = dict(zip(reversed(rows), reversed(expected), strict=True))
    probes = rows + others
    data, offsets = _strings(rows)
    probed, bounds = _strings(probes)
    for enter, find in zip(both("enter_texts"), both("find_texts"), strict=True):
        slots, codes = np.zeros(64, np.int64), np.empty(len(rows), np.int64)
        assert enter(data, offsets, slots, codes) == len(places)
        assert codes.tolist() == expected
        found = np.empty(len(probes), np.int64)
        starts, stops = bounds[:-1].copy(), bounds[1:].copy()
        count = find(probed, starts, stops, len(probes), slots, data, offsets, found)
        assert found.tolist() == [places.get(value, -1) for value in probes]
        assert count == sum(value in places for value in probes)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.text("ab\0é", max_size=12), st.booleans(), st.integers(0, 2)), max_size=30), st.booleans())
def test_the_first_of_the_extreme_strings_of_each_owner_leads(rows: list[tuple[str, bool, int]], largest: bool) -> None:
    texts = ["shared !" + text for text, _, _ in rows]
    data, offsets = _strings(texts)
    eligible = np.array([there for _, there, _ in rows], np.bool_)
    owners = np.array([owner for _, _, owner in rows], np.int64)
    wanted = []
    for owner in range(3):
        own = [i for i, (_, there, o) in enumerate(rows) if there and o == owner]
        wanted.append((max if largest else min)(own, key=lambda i: texts[i].encode(), default=-1))
    for lead in both("leading_texts"):
        best = np.full(3, -1, np.int64)
        assert lead(data, offsets, eligible, owners, largest, best) == eligible.sum()
        assert best.tolist() == wanted


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 2)), max_size=30))
def test_the_first_of_the_least_words_of_each_owner_leads(rows: list[tuple[int, bool, int]]) -> None:
    keys = np.array([key + 2**63 for key, _, _ in rows], np.uint64)
    eligible = np.array([there for _, there, _ in rows], np.bool_)
    owners = np.array([owner for _, _, owner in rows], np.int64)
    own = [[i for i, (_, there, o) in enumerate(rows) if there and o == owner] for owner in range(3)]
    for lead in both("leading_rows"):
        best = np.full(3, -1, np.int64)
        assert lead(keys, eligible, owners, best) == eligible.sum()
        assert best.tolist() == [min(each, key=lambda i: keys[i], default=-1) for each in own]
