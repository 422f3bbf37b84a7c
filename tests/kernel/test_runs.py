"""Rows of some values among sorted ones, beside a loop over all rows."""

from __future__ import annotations

import numpy as np
import pytest

from locality.kernel.loader import primitive
from tests.kernel.both import both


@pytest.mark.parametrize("longest", [1, 7, 40, 3000])
def test_select_runs_lists_the_rows_of_members(longest: int) -> None:
    rng = np.random.default_rng(longest)
    lengths = rng.integers(1, longest + 1, 5000 // longest + 2)
    values = np.cumsum(rng.integers(1, 5, len(lengths))).astype(np.int32) - 1
    starts = np.append(0, np.cumsum(lengths)).astype(np.int32)
    of_row = np.repeat(np.arange(len(lengths)), lengths)
    blocks = np.append(of_row[::1024], of_row[-1]).astype(np.int32)
    shift = 3
    for share in (0.0, 0.05, 0.9):
        members = np.flatnonzero(rng.random(int(values[-1]) + shift + 9) < share)
        bits, counts = np.zeros(int(values[-1]) // 64 + 3, np.int64), np.zeros(int(values[-1]) // 64 + 3, np.int32)
        primitive("enter_members")(members, bits, counts)
        for first in (0, 1, 1000, 1024, 2048, len(of_row) - 700):
            for n in (1, 63, 700, min(1024, len(of_row) - first)):
                wanted = np.isin(values[of_row[first : first + n]] + shift, members)
                rows = np.flatnonzero(wanted)
                for select in both("select_runs") if n == 63 else [primitive("select_runs")]:
                    selection, ranks = np.full(1032, -5, np.int32), np.full(1032, -5, np.int32)
                    count = select(bits, counts, shift, values, starts, blocks, first, n, selection, ranks)
                    assert selection[:count].tolist() == rows.tolist()
                    assert members[ranks[rows]].tolist() == (values[of_row[first + rows]] + shift).tolist()
