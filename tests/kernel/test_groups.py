"""Dropping groups without rows from a state, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernel.both import both


@pytest.mark.parametrize("has_floats", [True, False])
def test_groups_with_rows_are_kept_in_order(has_floats: bool) -> None:
    random = np.random.default_rng(5)
    integers = random.integers(0, 3, (21, 2))
    integers[-1] = 7  # the row that is no group
    floats = random.normal(size=(21, 3)) if has_floats else np.zeros((1, 1))
    expected = np.flatnonzero(integers[:-1, 0])
    for keep_groups in both("keep_groups"):
        numbers, kept, kept_floats = np.empty(20, np.int64), np.empty((20, 2), np.int64), np.empty((20, 3))
        count = keep_groups(integers, floats, 0, 100, numbers, kept, kept_floats)
        assert numbers[:count].tolist() == (expected + 100).tolist()
        assert np.array_equal(kept[:count], integers[expected])
        if has_floats:
            assert np.array_equal(kept_floats[:count], floats[expected])
