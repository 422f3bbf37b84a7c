"""Columns of groups that are finished when they are read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from locality.encodings import EncodedColumn, decode
from locality.operators.aggregation.output import Groups, GroupsSegment
from locality.operators.codegen.results import integer_column
from locality.types import parse
from tests.properties.oracle import Pair


def test_columns_are_finished_for_the_groups_that_are_read() -> None:
    asked: list[int] = []

    def finish(groups: Groups) -> EncodedColumn:
        asked.append(len(groups))
        return integer_column(parse("BIGINT"), groups.keys + groups.integers[:, 0], None)

    groups = Groups(np.arange(5), np.arange(50, 55).reshape(5, 1), np.empty((5, 0)))
    segment = GroupsSegment(groups, [finish])
    assert decode(segment.take(0, np.array([4, 1]))).to_pylist() == [58, 52]
    assert decode(segment.column(0)).to_pylist() == [50, 52, 54, 56, 58]
    assert decode(segment.take(0, np.array([0, 0]))).to_pylist() == [50, 50]
    assert asked == [2, 5]


@pytest.mark.parametrize("having", ["", "having count(*) > 2"])
def test_a_result_out_of_range_is_an_error_in_groups_that_are_dropped_too(having: str) -> None:
    table = pa.table({"k": [1, 1, 2, 2, 2], "x": [1e300, -1e300, 1.0, 2.0, 3.0]})
    with Pair() as pair:
        pair.load("t", [table])
        pair.check(f"select k, stddev(x) from t group by k {having}", engine=None)
