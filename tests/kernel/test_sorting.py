"""Words dealt out by their upper bits, and strings as words, against Python's own sorting and slicing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.both import both

GREATEST = 2**64 - 1


@given(st.lists(st.integers(2**64 - 600, GREATEST), max_size=40), st.integers(5, 8), st.booleans())
def test_dealt_words_lie_by_part_in_their_order(words: list[int], shift: int, wanted: bool) -> None:
    low = 2**64 - 600
    buckets = [(word - low) >> shift for word in words]
    part_of = np.minimum(np.arange((600 >> shift) + 1), 2)
    expected = sorted(range(len(words)), key=lambda row: (min(buckets[row], 2), row))
    given_words = np.array(words, np.uint64)
    least = np.array([low], np.uint64).view(np.int64)[0]
    for count_buckets, deal_words in zip(both("count_buckets"), both("deal_words"), strict=True):
        counts = np.zeros(len(part_of), np.int64)
        assert count_buckets(given_words, least, np.int64(shift), counts) == len(words)
        assert counts.tolist() == [buckets.count(bucket) for bucket in range(len(part_of))]
        sizes = np.array([counts[part_of == part].sum() for part in range(3)])
        dealt, rows = np.zeros(len(words), np.uint64), np.zeros(len(words) if wanted else 0, np.int32)
        places = np.cumsum(sizes) - sizes
        deal_words(given_words, least, np.int64(shift), part_of, places, np.int64(100), dealt, rows)
        assert dealt.tolist() == [words[row] for row in expected]
        assert rows.tolist() == ([100 + row for row in expected] if wanted else [])


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), max_size=20))
def test_values_are_dealt_out_by_number(rows: list[tuple[int, float]]) -> None:
    numbers, values = np.array([row[0] for row in rows], np.uint32), np.array([row[1] for row in rows])
    for count_numbers, deal_values in zip(both("count_numbers"), both("deal_values"), strict=True):
        counts, dealt = np.zeros(4, np.int64), np.empty_like(values)
        assert count_numbers(numbers, counts) == len(rows)
        assert counts.tolist() == [numbers.tolist().count(number) for number in range(4)]
        deal_values(numbers, values, np.cumsum(counts) - counts, dealt)
        assert dealt.tolist() == [value for _, value in sorted(rows, key=lambda row: row[0])]


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=8), st.sampled_from([0, 8, 16]))
def test_text_words_are_eight_bytes_and_zeros(texts: list[bytes], at: int) -> None:
    data = np.frombuffer(b"".join(texts), np.uint8)
    offsets = np.cumsum([0, *map(len, texts)])
    rows = np.arange(len(texts))[::-1].copy()
    for text_words in both("text_words"):
        words = np.empty(len(texts), np.uint64)
        text_words(data, offsets, rows, np.int64(at), words)
        assert words.tolist() == [int.from_bytes(text[at : at + 8].ljust(8, b"\0"), "big") for text in texts[::-1]]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(GREATEST - 5, GREATEST)), max_size=30), st.integers(1, 3))
def test_rows_are_kept_that_are_among_the_least_so_far(rows: list[tuple[int, int]], most: int) -> None:
    for keep_leading in both("keep_leading"):
        groups, keys = (np.array([row[i] for row in rows], np.uint64) for i in range(2))
        least, kept = np.full(3 * most, GREATEST, np.uint64), np.zeros(len(rows), np.bool_)
        count = keep_leading(groups, keys, np.int64(most), least, kept)
        assert count == kept.sum()
        for number, (group, key) in enumerate(rows):
            before = sorted(other for owner, other in rows[:number] if owner == group)[:most]
            assert kept[number] == (len(before) < most or key <= before[-1])
