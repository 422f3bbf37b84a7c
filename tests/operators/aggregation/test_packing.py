"""Sums of few groups, packed into words: what fits where, and values at the ends of lanes and words against DuckDB."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality.operators.aggregation.packing import pack
from locality.operators.codegen.block import BLOCK
from locality.plan.intervals import Interval
from tests.properties.interpreted import interpreted_kernels
from tests.properties.oracle import Pair

_HIGHEST = st.one_of(st.integers(0, 2**12), st.integers(0, 2**62))


@given(st.dictionaries(st.integers(0, 20), st.tuples(st.sampled_from([0, 0, 0, 1, -1, -(2**40)]), _HIGHEST)))
def test_fields_hold_the_sums_of_a_block_side_by_side(ends: dict[int, tuple[int, int]]) -> None:
    bounds = {position: Interval(low, max(low, high)) for position, (low, high) in ends.items()}
    words = pack(bounds)
    assert sorted(field.position for word in words for field in word.fields) == sorted(bounds)
    for word in words:
        end = 0
        for field in word.fields:
            interval = bounds[field.position]
            assert field.shift == end
            assert field.bits == 64 or (interval.low >= 0 and interval.high * BLOCK < 2**field.bits)
            end += field.bits
        assert end <= 64


def test_small_sums_share_a_word_and_negative_ones_do_not() -> None:
    bounds = {0: Interval(1, 1), 1: Interval(0, 10), 2: Interval(-1, 1), 3: Interval(0, 2**30)}
    assert [[field.position for field in word.fields] for word in pack(bounds)] == [[2], [3, 0], [1]]


ROWS = 3 * BLOCK + 77


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """``g`` has two groups that fill whole blocks, so that every row of a block adds the greatest value to one sum."""
    rng = np.random.default_rng(3)
    group = np.where(np.arange(ROWS) < 2 * BLOCK, 0, rng.integers(0, 3, ROWS))
    top = np.arange(ROWS) < BLOCK

    def column(low: int, high: int, dtype: type[np.integer] = np.int64) -> pa.Array:
        """``high`` throughout the first block, then both ends and what lies between."""
        values = rng.integers(low, high, ROWS, endpoint=True)
        values[BLOCK : BLOCK + 9] = low
        return pa.array(np.where(top, high, values).astype(dtype))

    def with_nulls(values: pa.Array, step: int) -> pa.Array:
        return pa.array(values.to_pylist(), values.type, mask=np.arange(ROWS) % step == 0)

    table = pa.table(
        {
            "g": pa.array(group),
            "n": with_nulls(pa.array(np.array(["a", "b"])[group % 2]), 11),
            "bit": column(0, 1),
            "byte": column(0, 255),
            "i31": column(0, 2**31 - 1),
            "i32": column(0, 2**31),
            "s32": column(-(2**31), 2**31 - 1),
            "u32": column(0, 2**32 - 1),
            "u33": column(0, 2**32),
            "half": column(0, 46340),
            "more": column(0, 46341),
            "far": column(2**40, 2**40 + 255),
            "below": column(-300, -1),
            "wide": column(0, 2**45),
            "widest": column(-(2**62), 2**62),
            "z": with_nulls(column(0, 2**31 - 1), 7),
            "f": pa.array(rng.integers(-999, 999, ROWS) / 8),
        }
    )
    with Pair() as made:
        made.load("t", [table])
        yield made


SUMS = [
    "count(*), sum(bit), sum(byte), sum(i31)",
    "sum(i31), sum(i32), sum(s32)",
    "sum(u32), sum(u33), avg(u32), avg(byte)",
    "sum(half * half), sum(half * more), sum(more * more)",
    "sum(half * half + half), sum(i31 + bit), sum(i31 - bit), sum(bit - i31)",
    "sum(i31 * i31), sum(u32 * byte)",
    "sum(s32 * bit), sum(s32 + s32)",
    "sum(far), sum(below), sum(far + below)",
    "sum(wide), sum(bit), sum(wide + bit)",
    "sum(widest), sum(widest // 2), avg(widest)",
    "count(z), sum(z), sum(z + bit), sum(z * byte), min(z), max(z)",
    "sum(z) filter (where byte > 100), count(*) filter (where z is null), sum(i31) filter (where z > 5)",
    "min(s32), max(s32), min(widest), max(widest), min(n), max(below)",
    "sum(f), avg(f), min(f), stddev(f), sum(byte)",
    "count(distinct byte), sum(byte), max(i31)",
    "bool_and(bit = 1), bool_or(bit = 1), sum((bit = 1)::int)",
    "var_samp(byte), stddev_pop(half)",
]


@pytest.mark.parametrize("aggregates", SUMS)
def test_sums_at_the_ends_of_lanes_and_words(pair: Pair, aggregates: str) -> None:
    pair.check(f"select {aggregates} from t group by g")


@pytest.mark.parametrize("aggregates", SUMS)
@pytest.mark.parametrize("tail", ["where byte < 200 group by g, n", ""])
def test_sums_under_masks_and_of_all_rows(pair: Pair, aggregates: str, tail: str) -> None:
    with interpreted_kernels():
        pair.check(f"select {aggregates} from t {tail}")


def test_more_groups_than_accumulators(pair: Pair) -> None:
    pair.check("select byte % 40, count(*), sum(i31), sum(s32), sum(half * more) from t group by 1")
