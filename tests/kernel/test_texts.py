"""Strings dealt out by their hashes and numbered, against Python's own dictionaries."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernel.both import both

STRINGS = st.lists(st.text("ab\0é", max_size=20), max_size=30)
SHIFT = 62
PARTS = 4


def packed(strings: list[str]) -> tuple[np.ndarray, np.ndarray]:
    encoded = [text.encode() for text in strings]
    data = np.frombuffer(b"".join(encoded) + b"!", np.uint8)
    return data, np.cumsum([0, *map(len, encoded)], dtype=np.int64)


@settings(deadline=None, max_examples=60)
@given(STRINGS, st.integers(0, 30))
def test_strings_are_dealt_whole_and_in_order(strings: list[str], cut: int) -> None:
    data, offsets = packed(strings)
    rows = len(strings)
    chunks = [(start, stop) for start, stop in ((0, min(cut, rows)), (min(cut, rows), rows)) if start < stop]
    for hash_texts, deal_texts in zip(both("hash_texts"), both("deal_texts"), strict=True):
        hashes = np.zeros(rows, np.uint64)
        counts, lengths = np.zeros(PARTS, np.int64), np.zeros(PARTS, np.int64)
        for start, stop in chunks:
            assert hash_texts(data, offsets, start, SHIFT, hashes[start:stop], counts, lengths) == stop - start
        assert len(set(zip(strings, hashes.tolist(), strict=True))) == len(set(strings))
        parts = [int(value) >> SHIFT for value in hashes]
        assert counts.tolist() == [parts.count(part) for part in range(PARTS)]
        records, dealt = np.zeros((rows, 2), np.int64), np.zeros(int(offsets[-1]), np.uint8)
        places, starts = np.cumsum(counts) - counts, np.cumsum(lengths) - lengths
        for start, stop in chunks:
            deal_texts(data, offsets, start, SHIFT, hashes[start:stop], places, starts, records, dealt)
        order = sorted(range(rows), key=lambda row: parts[row])
        assert (records[:, 1] >> 32).tolist() == order
        assert records[:, 0].view(np.uint64).tolist() == [int(hashes[row]) for row in order]
        assert (records[:, 1] & 0xFFFFFFFF).tolist() == [len(strings[row].encode()) for row in order]
        assert dealt.tobytes() == b"".join(strings[row].encode() for row in order)


@settings(deadline=None, max_examples=60)
@given(STRINGS, st.booleans())
def test_strings_are_numbered_in_the_order_in_which_they_come(strings: list[str], collide: bool) -> None:
    data, _ = packed(strings)
    rows = len(strings)
    known: dict[str, int] = {}
    expected = [known.setdefault(text, len(known)) for text in strings]
    records = np.zeros((rows, 2), np.int64)
    for i, text in enumerate(strings):
        records[i] = 7 if collide else hash(text) & 0xFFFF, (rows - i) << 32 | len(text.encode())
    for number_texts, place_numbers in zip(both("number_texts"), both("place_numbers"), strict=True):
        slots, room = np.zeros(64, np.uint32), np.empty(rows, np.int64)
        numbers, firsts = np.empty(rows, np.uint32), np.empty(rows, np.int32)
        assert number_texts(data, 0, records, slots, room, numbers, firsts) == len(known)
        assert numbers.tolist() == expected
        assert firsts[: len(known)].tolist() == [rows - strings.index(text) for text in known]
        placed = np.zeros(rows + 1, np.uint32)
        assert place_numbers(numbers, 5, records, placed) == rows
        assert placed[1:][::-1].tolist() == [5 + number for number in expected]
