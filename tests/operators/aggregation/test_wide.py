"""Aggregates and groups of values that turn out to have more than 64 bits."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from tests.properties.interpreted import interpreted_kernels
from tests.properties.oracle import Pair


@pytest.mark.parametrize("largest", [7, 10**30])
def test_sums_are_grouped_whether_they_fit_64_bits_or_not(largest: int) -> None:
    values = pa.array([Decimal(largest), Decimal(largest), Decimal(1), None], pa.decimal128(38, 0))
    table = pa.table({"g": pa.array([1, 2, 3, 4], pa.int32()), "v": values})
    with Pair(threads=2) as pair, interpreted_kernels():
        pair.load("t", [table])
        sums = "select g, sum(v) + sum(v) as s from t group by g"
        pair.check(f"select s, count(*), max(s), sum(g) from ({sums}) group by s")
        pair.check(f"select sum(s), min(s), count(distinct s) from ({sums})")
        pair.check(f"select s from ({sums}) intersect select 2 * v from t")
