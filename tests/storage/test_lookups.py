"""Lookups: the steps that they name are those that have the values, and they are left out where they are of no use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from locality import types
from locality.encodings import EncodedColumn, EncodingSpec, canonical, recode
from locality.errors import CorruptStoreError
from locality.storage.files import only_batch
from locality.storage.lookups import STEP_ROWS, Lookup, bounds_of_intervals, lookup_of, read_lookup, write_lookups
from locality.storage.zones import BLOCK_ROWS, zones_of

ROWS = 20 * BLOCK_ROWS + 77
RNG = np.random.default_rng(3)

#: Keys of a few neighbouring rows each, in no order.
KEYS = np.repeat(RNG.permutation(ROWS // 3 + 1), 3)[:ROWS] * 11 - 40_000


def made(values: pa.Array) -> tuple[EncodedColumn, Lookup | None]:
    column = canonical(values, types.BIGINT)
    return column, lookup_of(column, zones_of(column))


def steps_of(values: np.ndarray, low: int, high: int) -> set[int]:
    return set((np.flatnonzero((values >= low) & (values <= high)) // STEP_ROWS).tolist())


def found(lookup: Lookup, intervals: list[tuple[int, int]]) -> set[int]:
    return set(np.flatnonzero(lookup.steps_with(*bounds_of_intervals(intervals), ROWS)).tolist())


@pytest.mark.parametrize(
    "intervals",
    [
        [(int(KEYS[5000]), int(KEYS[5000]))],
        [(-(2**63), -39_990)],
        [(int(KEYS.max()) - 50, 2**64)],
        [(-39_999, -39_999)],
        [(2**63, 2**64)],
        [(-(2**63), -40_001), (int(KEYS.max()) + 1, 2**64)],
        [(k, k + 30) for k in sorted(KEYS[:: ROWS // 40].tolist())],
        [(-30_000, 100_000)],
        [(-(2**63), 2**63)],
        [],
    ],
)
def test_steps_are_those_that_have_the_values(intervals: list[tuple[int, int]]) -> None:
    _, lookup = made(pa.array(KEYS))
    assert lookup is not None
    assert found(lookup, intervals) == set().union(*(steps_of(KEYS, *each) for each in intervals))


def test_codes_nulls_and_the_last_block_count() -> None:
    nulls = np.arange(ROWS) % 5 == 0
    column = canonical(pa.array(KEYS, mask=nulls), types.BIGINT)
    framed = recode(column, EncodingSpec(types.BIGINT, "frame", -40_000, code="uint32"))
    lookup = lookup_of(framed, zones_of(framed))
    assert lookup is not None
    for key in (int(KEYS[-1]), int(KEYS[4]), int(KEYS[0])):
        assert found(lookup, [(key + 40_000, key + 40_000)]) == steps_of(np.where(nulls, -1, KEYS), key, key)


@pytest.mark.parametrize(
    "values",
    [
        np.sort(KEYS),
        RNG.integers(0, 50, ROWS),
        np.full(ROWS, 3),
        RNG.integers(-(2**62), 2**62, ROWS),
    ],
    ids=["bounds tell", "in many steps", "constant", "too far apart"],
)
def test_none_where_it_is_of_no_use(values: np.ndarray) -> None:
    assert made(pa.array(values))[1] is None
    assert made(pa.array(values, mask=np.ones(len(values), np.bool_)))[1] is None


def test_files_hold_what_was_written(tmp_path: Path) -> None:
    column, lookup = made(pa.array(KEYS))
    assert lookup is not None
    entry = write_lookups(tmp_path, "s", {2: lookup})
    batch = only_batch(tmp_path / entry.path, entry)
    read = read_lookup(batch, 2)
    assert read is not None
    assert read.equals(lookup_of(column, zones_of(column)))
    assert read_lookup(batch, 1) is None
    with pytest.raises(CorruptStoreError):
        only_batch(tmp_path / entry.path, type(entry)(entry.path, entry.size + 1, 0))
    for part in ("firsts", "steps"):
        position = batch.schema.names.index(f"2.{part}")
        broken = batch.set_column(position, f"2.{part}", pa.array([[1]], batch.column(position).type))
        with pytest.raises(ValueError, match="do not fit"):
            read_lookup(broken, 2)


def test_a_value_right_behind_a_null_is_found() -> None:
    keys = np.repeat(RNG.permutation(ROWS // 3 + 1), 3)[:ROWS]
    first = np.flatnonzero(keys == 0)[0]  # the code of the least value, as NULLs have it
    column = canonical(pa.array(keys, mask=np.arange(ROWS) == first), types.BIGINT)
    lookup = lookup_of(column, zones_of(column))
    assert lookup is not None
    assert found(lookup, [(0, 0)]) == {(first + 1) // STEP_ROWS, (first + 2) // STEP_ROWS}
