"""The values that were seen, chunk by chunk, against a set of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality.encodings.canonical import code_dtype
from locality.storage.ingest.seen import Seen

FAR = 1 << 17


def seen_of(chunks: list[list[int]]) -> Seen:
    """What ingest learns: each chunk says what it may add to those before."""
    known = Seen()
    for chunk in chunks:
        base, greatest = min(chunk), max(chunk)
        codes = np.array([value - base for value in chunk], code_dtype(greatest - base))
        known = known.merge(known.integers(codes, base, greatest))
    return known


CHUNKS = st.lists(
    st.lists(st.integers(-4, 4) | st.sampled_from([-FAR, FAR, 2**63 - 1]), min_size=1, max_size=12), min_size=1
)


@given(CHUNKS)
def test_every_value_is_counted(chunks: list[list[int]]) -> None:
    seen = seen_of(chunks)
    assert (seen.count, seen.exact) == (len({value for chunk in chunks for value in chunk}), True)


def test_what_lies_in_a_range_that_is_full_adds_nothing() -> None:
    known = seen_of([[1, 3], [2, 4]])
    more = known.integers(np.array([0, 2], np.uint8), 2, 4)
    assert (more.present, len(more.hashes)) == (None, 0)
    assert known.integers(np.array([0, 1], np.uint8), 4, 5).count == 2


@pytest.mark.parametrize("spread", [1, 9, FAR])
def test_many_values_in_chunks(spread: int) -> None:
    values = np.random.default_rng(1).permutation(30_000) * spread
    seen = seen_of([part.tolist() for part in np.split(np.concatenate([values, values]), 12)])
    assert seen.exact == (30_000 * spread <= 1 << 16)
    assert seen.count == (30_000 if seen.exact else pytest.approx(30_000, rel=0.15))


def test_keys_that_are_numbers_already() -> None:
    known = Seen().keys(np.array([1, 2**63, 1], np.uint64))
    assert known.merge(known.keys(np.array([2**63, 7], np.uint64))).count == 3
