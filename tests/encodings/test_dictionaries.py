"""Dictionaries: ascending, named by what they hold, merged without loss."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality import types
from locality.encodings import make_dictionary, merge_dictionaries
from locality.encodings.dictionaries import lookup, sorted_dictionary
from locality.types import DataType

BLOB = DataType("BLOB")
WORDS = st.lists(st.none() | st.sampled_from(["", "a", "b", "é", "z", "\U0001f600", "￿"]))


@given(WORDS)
def test_sorted_dictionary(words: list[str | None]) -> None:
    dictionary, codes = sorted_dictionary(pa.array(words, pa.string()), types.VARCHAR)
    raw = [value.encode() for value in dictionary.values.to_pylist()]
    assert raw == sorted({word.encode() for word in words if word is not None})
    entries = dictionary.values.to_pylist()
    assert [None if code < 0 else entries[code] for code in codes.tolist()] == words


@given(st.lists(st.lists(st.binary(max_size=2), max_size=5), min_size=1, max_size=4))
def test_merge(parts: list[list[bytes]]) -> None:
    dictionaries = [sorted_dictionary(pa.array(part, pa.binary()), BLOB)[0] for part in parts]
    merged, remaps = merge_dictionaries(dictionaries)
    entries = merged.values.to_pylist()
    assert entries == sorted({value for part in parts for value in part})
    assert len(remaps) == len(dictionaries)
    for dictionary, remap in zip(dictionaries, remaps, strict=True):
        assert remap.dtype.name == "int32"
        assert [entries[code] for code in remap.tolist()] == dictionary.values.to_pylist()


def test_equal_content_has_equal_keys_whatever_its_buffers() -> None:
    values = pa.array(["x", "a", "b"])
    assert make_dictionary(values.slice(1)).key == make_dictionary(pa.array(["a", "b"])).key


def test_different_content_has_different_keys() -> None:
    arrays = [pa.array(["ab", "c"]), pa.array(["a", "bc"]), pa.array([b"ab", b"c"]), pa.array([], pa.string())]
    arrays += [pa.array([""]), pa.array([], pa.binary())]
    assert len({make_dictionary(array).key for array in arrays}) == len(arrays)


def test_merging_equal_dictionaries_keeps_the_first() -> None:
    first, second = make_dictionary(pa.array(["a", "b"])), make_dictionary(pa.array(["a", "b"]))
    merged, remaps = merge_dictionaries([first, second])
    assert merged is first
    assert [remap.tolist() for remap in remaps] == [[0, 1], [0, 1]]


def test_lookup() -> None:
    dictionary = make_dictionary(pa.array(["a", "b", "c"]))
    assert lookup(pa.array(["c", None, "a"], pa.large_string()), dictionary).tolist() == [2, 0, 0]
    assert lookup(pa.array([None, None], pa.string()), dictionary).tolist() == [0, 0]
    with pytest.raises(ValueError, match="not in the dictionary"):
        lookup(pa.array(["d"]), dictionary)
