"""The lines that gathered values lie on are counted as they are, whatever the order of the rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from locality.operators.relations.traffic import LINE_BYTES, gathered_reads
from tests.operators.relations import relation

RNG = np.random.default_rng(1)


@pytest.mark.parametrize("rows", [0, 1, 20, 500, 3000])
@pytest.mark.parametrize("order", ["ascending", "any", "far apart"])
def test_lines_are_counted(rows: int, order: str) -> None:
    table = pa.table({"x": RNG.integers(-(2**60), 2**60, 1_000_000 if order == "far apart" else 60_000)})
    source = relation([table])
    positions = RNG.integers(0, 50_000, rows)
    if order == "ascending":
        positions.sort()
    if order == "far apart":
        positions = np.append(positions[:40], 999_999)
    lines = {int(position) * 8 // LINE_BYTES for position in positions}
    assert gathered_reads([(source, 0, positions)])[""] == LINE_BYTES * len(lines)


def test_lines_of_many_rows_are_guessed_where_they_lie() -> None:
    source = relation([pa.table({"x": RNG.integers(-(2**60), 2**60, 1_000_000)})])
    near = np.sort(RNG.integers(400_000, 600_000, 150_000))
    lines = len(np.unique(near * 8 // LINE_BYTES))
    assert gathered_reads([(source, 0, near)])[""] == pytest.approx(LINE_BYTES * lines, rel=0.05)
