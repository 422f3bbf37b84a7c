"""Predicates over strings, against Python's bytes and regular expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality.kernel.like import Pattern, pattern, substring
from locality.kernel.loader import primitive
from tests.kernel.both import both

texts = st.text("abé€_%", max_size=9)
patterns = st.text("ab_%é", max_size=6)
quick = settings(deadline=None, max_examples=150)


def octets(value: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(value, np.uint8)


def column(strings: Sequence[str]) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint8]], list[int]]:
    """Bytes and offsets, with other bytes around the strings."""
    encoded = [b"ab", *(s.encode() for s in strings), b"ab"]
    ends = np.cumsum([len(s) for s in encoded])
    return octets(b"".join(encoded)), ends[:-1].tolist()


def matches(text: str, like: str, escape: str | None = None) -> bool:
    expression = ""
    characters = iter(like)
    for character in characters:
        if character == escape:
            expression += re.escape(next(characters))
        else:
            expression += {"_": ".", "%": ".*"}.get(character, re.escape(character))
    return re.fullmatch(expression, text, re.DOTALL) is not None


@quick
@given(texts, texts)
def test_comparisons_with_a_constant(text: str, constant: str) -> None:
    data, (start, stop) = column([text])
    a, b = text.encode(), constant.encode()
    expected = {
        "string_compare": (a > b) - (a < b),
        "string_starts_with": a.startswith(b),
    }
    for name, result in expected.items():
        for function in both(name):
            assert function(data, start, stop, octets(b)) == result, name


@quick
@given(texts)
def test_length_counts_characters(text: str) -> None:
    data, (start, stop) = column([text])
    for string_length in both("string_length"):
        assert string_length(data, start, stop) == len(text)


@settings(deadline=None, max_examples=400)
@given(texts, patterns)
def test_like(text: str, like: str) -> None:
    data, (start, stop) = column([text])
    prepared = pattern(like)
    for string_like in both("string_like"):
        assert string_like(data, start, stop, prepared.tokens, prepared.kinds) == matches(text, like)


@quick
@given(texts, patterns)
def test_the_form_of_a_pattern_says_how_to_decide_it(text: str, like: str) -> None:
    prepared = pattern(like)
    decide = {
        "equals": lambda a, b: a == b,
        "starts_with": bytes.startswith,
        "ends_with": bytes.endswith,
        "contains": lambda a, b: b in a,
        "like": lambda a, b: matches(text, like),
    }[prepared.form]
    assert decide(text.encode(), prepared.needle.tobytes()) == matches(text, like)


@pytest.mark.parametrize(("like", "text", "expected"), [
    ("a!%b", "a%b", True),
    ("a!%b", "axb", False),
    ("!!%", "!x", True),
    ("!_", "_", True),
    ("!_", "a", False),
])  # fmt: skip
def test_escaped_characters_are_literal(like: str, text: str, expected: bool) -> None:
    data, (start, stop) = column([text])
    prepared = pattern(like, "!")
    assert matches(text, like, "!") == expected
    for string_like in both("string_like"):
        assert string_like(data, start, stop, prepared.tokens, prepared.kinds) == expected


def test_a_pattern_must_not_end_with_the_escape_character() -> None:
    with pytest.raises(ValueError, match="escape"):
        pattern("a!", "!")


def search(prepared: Pattern, strings: Sequence[str], expected: list[bool], first: int = 0) -> None:
    data, offsets = column(strings)
    for like_block in both("like_block"):
        out = np.ones(len(strings) - first, np.bool_)
        found = prepared.search
        count = like_block(data, np.array(offsets), first, len(out), *found.arrays, found.rest, out)
        assert out.tolist() == expected[first:]
        assert count == sum(expected[first:])


@settings(deadline=None, max_examples=250)
@given(st.lists(texts, max_size=12), patterns, st.data())
def test_blocks_are_searched_as_single_strings_are(strings: list[str], like: str, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(strings)))
    search(pattern(like), strings, [matches(text, like) for text in strings], first)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text("ab", max_size=150), max_size=6), st.text("ab%%_", max_size=12))
def test_blocks_of_several_steps_are_searched_as_single_strings_are(strings: list[str], like: str) -> None:
    search(pattern(like), strings, [matches(text, like) for text in strings])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("aAkKiI\u212a\u0130\u00c9 ", max_size=8), max_size=6), st.text("aki%_ ", max_size=5))
def test_folded_blocks_are_searched_as_strings_in_lower_case(strings: list[str], like: str) -> None:
    lower = [text.replace("\u212a", "k").replace("\u0130", "i").lower() for text in strings]
    data, offsets = column(strings)
    found, wanted = pattern(like).search, [matches(text, like) for text in lower]
    for search_folded in both("folded_like_block"):
        out = np.ones(len(strings), np.bool_)
        assert search_folded(data, np.array(offsets), 0, len(out), *found.arrays, found.rest, out) == sum(wanted)
        assert out.tolist() == wanted


def test_what_does_not_fit_the_room_for_folding_is_refused() -> None:
    data, offsets = column(["A" * 20_000, "B" * 20_000, "b" * 40_000])
    found, out = pattern("%b%").search, np.ones(3, np.bool_)
    assert primitive("folded_like_block")(data, np.array(offsets), 0, 2, *found.arrays, found.rest, out) == 1
    assert primitive("folded_like_block")(data, np.array(offsets), 1, 2, *found.arrays, found.rest, out) == -1


def test_the_first_literal_is_searched_unless_another_is_much_rarer() -> None:
    assert pattern("%aa%bb%", sample=b"aaaabb").needle.tobytes() == b"aa"
    assert pattern("%aa%bb%", sample=b"aa" * 9 + b"bb").needle.tobytes() == b"bb"
    assert pattern("%aa%bb%", sample=b"aaaabb").search.rest
    assert not pattern("%aa%bb%", sample=b"aa" * 9 + b"bb").search.rest


@quick
@given(st.lists(texts, max_size=12), texts)
def test_substrings_are_found_in_blocks(strings: list[str], needle: str) -> None:
    search(substring(needle.encode()), strings, [needle in text for text in strings])


def test_windows_of_a_long_block_overlap_by_a_needle() -> None:
    strings = ["x" * 4090 + "needle" + "x" * 10, "", "y" * 5000, "need", "le", "needle", "z" * 9000 + "needle"]
    search(pattern("%needle%"), strings, ["needle" in text for text in strings])
    search(pattern("%n_edle"), strings, [text.endswith("needle") for text in strings])


@pytest.mark.parametrize("gap", [0, 1, 62, 63, 64, 65, 200])
def test_literals_after_the_needle_end_with_their_string(gap: int) -> None:
    """What is told of 64 bytes at once may lie in the strings that follow."""
    space = "-" * gap
    strings = [f"needle{space}p", f"q needle {space}pq", f"needle{space}", f"pq{space}needle", "needle p", "q" * 99]
    search(pattern("%needle%pq%"), strings, [matches(text, "%needle%pq%") for text in strings])


@quick
@given(st.lists(texts, max_size=8), st.booleans())
def test_lengths_of_blocks(strings: list[str], ascii_only: bool) -> None:
    if ascii_only:
        strings = [text.encode("ascii", "ignore").decode() for text in strings]
    data, offsets = column(strings)
    for length_block in both("length_block"):
        out = np.zeros(len(strings), np.int64)
        assert length_block(data, np.array(offsets), 0, len(strings), out) == sum(map(len, strings))
        assert out.tolist() == [len(text) for text in strings]


@settings(deadline=None, max_examples=100)
@given(st.lists(texts, min_size=1, max_size=4), st.integers(0, 9), st.integers(0, 7), st.data())
def test_short_substrings_are_packed_with_their_length(
    strings: list[str], first: int, count: int, data: st.DataObject
) -> None:
    """Bytes of the strings that follow are read with them, and left out."""
    row = data.draw(st.integers(0, len(strings) - 1))
    octets_of_all, offsets = column(strings)
    kept = strings[row][first : first + count].encode()
    packed = int.from_bytes(kept.ljust(7, b"\0"), "big") << 3 | len(kept) if len(kept) <= 7 else -1
    for pack_substring in both("pack_substring"):
        assert pack_substring(octets_of_all, offsets[row], offsets[row + 1], first, count) == packed
