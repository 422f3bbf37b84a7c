"""Sets of small integers with ranks, and rows listed by rank, against sorted lists."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.both import both

SIZE = 300
numbers = st.lists(st.integers(-1, SIZE - 1), max_size=60)


@given(numbers, st.booleans(), numbers)
def test_ranks_are_positions_among_the_members(given_numbers: list[int], ordered: bool, probes: list[int]) -> None:
    entered = sorted(set(given_numbers) - {-1}) if ordered else given_numbers
    members = sorted(set(entered) - {-1})
    ascending = -1 not in entered and entered == members
    for enter_members, find_ranks, has_member in zip(
        both("enter_members"), both("find_ranks"), both("has_member"), strict=True
    ):
        bits, counts = np.zeros(SIZE // 64 + 1, np.int64), np.zeros(SIZE // 64 + 1, np.int32)
        count = enter_members(np.array(entered, np.int64), bits, counts)
        assert count == (len(members) if ascending else -len(members) - 1)
        ranks = np.array(probes, np.int64)
        found = find_ranks(bits, counts, ranks, ranks)
        expected = [members.index(number) if number in members else -1 for number in probes]
        assert ranks.tolist() == expected
        assert found == sum(rank >= 0 for rank in expected)
        beyond = [*map(np.int64, probes), np.int64(SIZE), np.int64(2**63 - 1), np.int64(-(2**63))]
        assert [bool(has_member(bits, number)) for number in beyond] == [number in members for number in beyond]


@given(st.lists(st.integers(-1, 6), max_size=30), st.booleans())
def test_rows_by_rank(given_ranks: list[int], ordered: bool) -> None:
    ranks = sorted(given_ranks) if ordered else given_ranks
    expected = [[row for row, rank in enumerate(ranks) if rank == wanted] for wanted in range(7)]
    listed = [row for rows in expected for row in rows]
    in_order = listed == list(range(len(ranks)))
    for group_rows in both("group_rows"):
        starts, rows = np.zeros(9, np.int32), np.full(len(ranks), -5, np.int32)
        most = group_rows(np.array(ranks, np.int64), starts, rows)
        assert abs(most) == max(map(len, expected))
        assert (most < 0) == (in_order and bool(ranks))
        if in_order:
            assert (rows == -5).all()
            rows[:] = listed
        assert [rows[starts[rank] : starts[rank + 1]].tolist() for rank in range(7)] == expected


@given(st.lists(st.integers(-1, 3), max_size=20), st.booleans())
def test_matches_are_all_pairs(ranks: list[int], outer: bool) -> None:
    starts, rows = np.array([0, 2, 2, 3, 6, 0], np.int32), np.array([4, 1, 0, 2, 3, 5], np.int32)
    expected = []
    for left, rank in enumerate(ranks):
        if rank >= 0:
            expected += [(left, right) for right in rows[starts[rank] : starts[rank + 1]].tolist()]
        elif outer:
            expected.append((left, -1))
    given_ranks = np.array(ranks, np.int64)
    for count_matches, write_matches in zip(both("count_matches"), both("write_matches"), strict=True):
        count = count_matches(given_ranks, starts, int(outer))
        assert count == len(expected)
        left, right = np.empty(count, np.int64), np.empty(count, np.int64)
        assert write_matches(given_ranks, starts, rows, int(outer), left, right) == count
        assert list(zip(left.tolist(), right.tolist(), strict=True)) == expected
