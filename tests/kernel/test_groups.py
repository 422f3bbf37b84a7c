"""Dropping groups without rows from a state, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernel.both import both


def test_groups_with_rows_are_numbered_in_order() -> None:
    integers = np.random.default_rng(5).integers(0, 3, (21, 2))
    integers[-1] = 7  # the row that is no group
    for number_rows in both("number_rows"):
        numbers = np.empty(20, np.int64)
        count = number_rows(integers, 1, numbers)
        assert numbers[:count].tolist() == np.flatnonzero(integers[:-1, 1]).tolist()


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_rows_are_kept_slot_by_slot(dtype: type) -> None:
    cells = np.arange(60).reshape(20, 3).astype(dtype)
    rows = np.array([0, 3, 4, 19])
    for keep_rows in both("keep_rows"):
        kept = np.zeros((3, 6), dtype)
        assert keep_rows(cells, rows, 3, kept) == 3
        assert kept[:, :3].tolist() == cells[[0, 3, 4]].T.tolist()
        assert not kept[:, 3:].any()
