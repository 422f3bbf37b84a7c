"""Assembling parts gives what recoding each of them and joining them gives, and refuses what does not fit."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality import types
from locality.encodings import ENCODINGS, EncodedColumn, EncodingSpec, assemble, canonical, from_arrow
from locality.encodings.canonical import code_dtype
from tests.encodings.oracle import exact

SMALL = st.integers(-200, 200)
WIDE = st.integers(-(2**40), 2**40)


def framed(part: list[int | None], dtype: types.DataType = types.BIGINT) -> EncodedColumn:
    """A part in the narrowest frame of its own."""
    present = [value for value in part if value is not None] or [0]
    spec = EncodingSpec(dtype, "frame", base=min(present), code=code_dtype(max(present) - min(present)).name)
    return ENCODINGS["frame"].encode(pa.array(part, types.to_arrow(dtype)), spec)


def spec_of(parts: list[list[int | None]], factor: int) -> EncodingSpec:
    present = [value for part in parts for value in part if value is not None] or [0]
    code = code_dtype((max(present) - min(present)) // factor).name
    return EncodingSpec(types.BIGINT, "frame" if factor == 1 else "scaled", base=min(present), factor=factor, code=code)


def parts_of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[list[Any]]]:
    return st.lists(st.lists(values | st.none()) | st.lists(values), min_size=1, max_size=4)


@given(parts_of(SMALL) | parts_of(WIDE), st.sampled_from([1, 2, 100]))
def test_integers(parts: list[list[int | None]], factor: int) -> None:
    parts = [[value and value * factor for value in part] for part in parts]
    spec = spec_of(parts, factor)
    found = assemble([framed(part) for part in parts], spec)
    assert (found.encoding, found.base, found.factor) == (spec.encoding, spec.base, factor)
    assert found.codes is not None
    assert found.codes.dtype == spec.code
    assert exact(ENCODINGS[found.encoding].decode(found)) == [value for part in parts for value in part]


@given(parts_of(st.sampled_from(["", "a", "b", "é", "zz"])), st.booleans())
def test_strings(parts: list[list[str | None]], as_text: bool) -> None:
    whole = [value for part in parts for value in part]
    dictionary = from_arrow(pa.array(whole, pa.string()), types.VARCHAR).dictionary
    assert dictionary is not None
    spec = EncodingSpec(types.VARCHAR, "dictionary", code="uint8", dictionary=dictionary)
    coded = [from_arrow(pa.array(part, pa.string()), types.VARCHAR) for part in parts]
    if as_text:
        coded[0] = canonical(pa.array(parts[0], pa.string()), types.VARCHAR)
    found = assemble(coded, spec)
    assert found.dictionary is dictionary
    assert exact(ENCODINGS["dictionary"].decode(found)) == whole


@given(parts_of(SMALL))
def test_other_encodings(parts: list[list[int | None]]) -> None:
    spec = EncodingSpec(types.BIGINT, "plain", code="int64")
    found = assemble([framed(part) for part in parts], spec)
    assert found.encoding == "plain"
    assert exact(ENCODINGS["plain"].decode(found)) == [value for part in parts for value in part]


@pytest.mark.parametrize(
    "spec",
    [
        EncodingSpec(types.BIGINT, "frame", base=6, code="uint8"),
        EncodingSpec(types.BIGINT, "frame", base=-260, code="uint8"),
        EncodingSpec(types.BIGINT, "scaled", base=0, factor=2, code="uint8"),
        EncodingSpec(types.BIGINT, "scaled", base=-595, factor=2, code="uint8"),
    ],
    ids=str,
)
def test_values_outside_of_what_was_chosen_are_refused(spec: EncodingSpec) -> None:
    with pytest.raises(ValueError, match="chosen for their column|multiple of 2"):
        assemble([framed([5, 5])], spec)
