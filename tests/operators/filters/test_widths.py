"""Segments of one column whose codes mean the same values, but are of different widths."""

from __future__ import annotations

import pyarrow as pa
import pytest

import locality


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(("condition", "count"), [("a <> 5", 12), ("a in (5, 1000000)", 9)])
def test_a_filter_keeps_the_values_that_one_of_them_is_too_narrow_for(
    order: tuple[int, int], condition: str, count: int
) -> None:
    parts = [pa.table({"a": [-150, 5, 1_000_000] * 3}), pa.table({"a": [-150, 5, 7] * 3})]
    with locality.connect() as connection:
        connection.ingest("t", parts[order[0]])
        connection.ingest("t", parts[order[1]], mode="append")
        result = connection.sql(f"select count(*) from t where {condition}")
        assert result.profile.engine == "locality"
        assert result.fetchall() == [(count,)]
