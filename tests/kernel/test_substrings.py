"""Strings made of others, and numbers and times as they are written, against Python's own."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from locality.kernel.primitives import spelling
from tests.kernel.both import both
from tests.kernel.test_texts import packed

STRINGS = st.lists(st.text("ab ,", max_size=90), max_size=12)
NEEDLES = st.sampled_from([",", "a", "ab", ", "])
quick = settings(deadline=None, max_examples=50)


def cut(data: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> list[str]:
    return [data[start:stop].tobytes().decode() for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]


@quick
@given(STRINGS)
def test_copies_and_what_lies_behind_them(strings: list[str]) -> None:
    data, offsets = packed(strings)
    for spill_text in both("spill_text"):
        out, at = np.zeros(len(data) + 16, np.uint8), 0
        for i in range(len(strings)):
            at = spill_text(data, offsets[i], offsets[i + 1], out, at)
        assert out[:at].tobytes().decode() == "".join(strings)


@quick
@given(STRINGS, st.booleans(), st.booleans())
def test_spaces_at_the_ends(strings: list[str], before: bool, after: bool) -> None:
    data, offsets = packed(strings)
    expected = [text.lstrip(" ") if before else text for text in strings]
    expected = [text.rstrip(" ") if after else text for text in expected]
    for strip_spaces in both("strip_spaces"):
        starts, stops = offsets[:-1].copy(), offsets[1:].copy()
        strip_spaces(data, starts, stops, before, after)
        assert cut(data, starts, stops) == expected


@quick
@given(STRINGS, NEEDLES, st.integers(0, 3))
def test_places_and_parts(strings: list[str], needle: str, number: int) -> None:
    data, offsets = packed(strings)
    octets, rows = np.frombuffer(needle.encode(), np.uint8), len(strings)
    split = [text.split(needle) for text in strings]
    for find, narrow, count, write in zip(
        both("find_in_texts"), both("part_of_texts"), both("count_parts"), both("write_parts"), strict=True
    ):
        starts, stops = offsets[:-1].copy(), offsets[1:].copy()
        found = np.empty(rows, np.int64)
        find(data, starts, stops, octets, found)
        assert found.tolist() == [text.find(needle) + 1 for text in strings]
        total = count(data, starts, stops, octets)
        assert total == sum(map(len, split))
        begins, ends, counts = np.empty(total, np.int64), np.empty(total, np.int64), np.empty(rows, np.int64)
        assert write(data, starts, stops, octets, begins, ends, counts) == total
        assert counts.tolist() == list(map(len, split))
        assert cut(data, begins, ends) == [part for parts in split for part in parts]
        there = np.empty(rows, np.bool_)
        narrow(data, starts, stops, octets, number, there)
        assert there.tolist() == [number < len(parts) for parts in split]
        assert cut(data, starts, stops) == [parts[number] if number < len(parts) else "" for parts in split]


@quick
@given(STRINGS, st.integers(0, 20), st.sampled_from(["x", "xyz"]), st.booleans())
def test_turned_and_filled_up(strings: list[str], width: int, pad: str, left: bool) -> None:
    data, offsets = packed(strings)
    filled = [(pad * width)[: max(width - len(text), 0)] for text in strings]
    expected = [
        more + text[:width] if left else text[:width] + more for text, more in zip(strings, filled, strict=True)
    ]
    for reverse_texts, pad_texts in zip(both("reverse_texts"), both("pad_texts"), strict=True):
        out = np.zeros(len(strings) * width, np.uint8)
        pad_texts(data, offsets[:-1], offsets[1:], width, np.frombuffer(pad.encode(), np.uint8), left, out)
        assert out.tobytes().decode() == "".join(expected)
        out = np.zeros(int(offsets[-1]), np.uint8)
        reverse_texts(data, offsets[:-1], offsets[1:], out)
        assert out.tobytes().decode() == "".join(text[::-1] for text in strings)


@quick
@given(st.lists(st.sampled_from([-(2**63), 2**63 - 1, 0, -1, 9, 10, 99, 100]) | st.integers(-(2**63), 2**63 - 1)))
def test_numbers_as_they_are_written(values: list[int]) -> None:
    for scale in (0, 1, 3):
        expected = [str(v) if scale == 0 else f"{Decimal(v).scaleb(-scale):f}" for v in values]
        for spell_numbers in both("spell_numbers"):
            out, offsets = np.zeros(24 * len(values), np.uint8), np.zeros(len(values) + 1, np.int64)
            spell_numbers(np.array(values, np.int64), scale, out, offsets)
            assert cut(out, offsets[:-1], offsets[1:]) == expected


@quick
@given(st.lists(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))))
def test_times_as_they_are_written(moments: list[datetime]) -> None:
    fields = [getattr(spelling, name) for name in ["CENTURY", "YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"]]
    template = np.frombuffer(b"0000-00-00 00:00:00", np.uint8)
    places = np.array([0, 2, 5, 8, 11, 14, 17], np.int64)
    micros = np.array([(each - datetime(1970, 1, 1)) // timedelta(microseconds=1) for each in moments], np.int64)
    expected = [each.isoformat(" ").rstrip("0") if each.microsecond else each.isoformat(" ") for each in moments]
    for spell_times in both("spell_times"):
        out, offsets = np.zeros(26 * len(moments), np.uint8), np.zeros(len(moments) + 1, np.int64)
        spell_times(micros, 86_400_000_000, template, np.array(fields, np.uint8), places, 1, out, offsets)
        assert cut(out, offsets[:-1], offsets[1:]) == expected


def test_years_of_other_than_four_digits_are_refused() -> None:
    template, none = np.frombuffer(b"-", np.uint8), np.zeros(0, np.uint8)
    for days in (-719_163, 2_932_897):
        out, offsets = np.zeros(1, np.uint8), np.zeros(2, np.int64)
        for spell_times in both("spell_times"):
            assert spell_times(np.array([days]), 1, template, none, none.astype(np.int64), 0, out, offsets) == -1
