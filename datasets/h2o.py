"""Tables of the h2o (now DuckDB Labs) db-benchmark: one to group, and one to join with a small, a medium and a big one.

Source: https://github.com/duckdblabs/db-benchmark, ``_data/groupby-datagen.R`` and ``_data/join-datagen.R``; the same
columns, cardinalities and distributions (no NULLs, unsorted), from another generator of random numbers. Scale 1 is the
benchmark's 1e7 rows (0.5 GB as CSV); 10 and 100 are its larger ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .generate import Batches, Table, ensure, random, spans

_ROWS = 10_000_000
_GROUPS = 100  # the benchmark's K
_SEED = 108


def _rows(scale: float) -> int:
    return max(round(_ROWS * scale), _GROUPS)


def _ids(numbers: NDArray[np.int64], width: int) -> pa.Array[Any]:
    """Texts such as ``id007``, zero-padded to this many digits."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise("id", digits, "")


def _groupby(scale: float) -> Batches:
    rows = _rows(scale)
    for first, count in spans(rows):
        rng = random(_SEED, 0, first)
        few = [rng.integers(1, _GROUPS, count, endpoint=True) for _ in range(4)]
        many = [rng.integers(1, rows // _GROUPS, count, endpoint=True) for _ in range(2)]
        yield {
            "id1": _ids(few[0], 3),
            "id2": _ids(few[1], 3),
            "id3": _ids(many[0], 10),
            "id4": pa.array(few[2], pa.int32()),
            "id5": pa.array(few[3], pa.int32()),
            "id6": pa.array(many[1], pa.int32()),
            "v1": pa.array(rng.integers(1, 5, count, endpoint=True), pa.int32()),
            "v2": pa.array(rng.integers(1, 15, count, endpoint=True), pa.int32()),
            "v3": pa.array(np.round(rng.uniform(0, 100, count), 6)),
        }


class _Keys:
    """Keys of one joined table: as many as it has rows, 90% of them shared with the large table, in random order.

    As in the benchmark, ``1.1 * n`` numbers are shuffled; both sides have the first 90% of n, each has 10% of its own.
    """

    def __init__(self, rows: int, number: int) -> None:
        self.rows = rows
        shuffled = random(_SEED, 1, number).permutation(rows + max(rows // 10, 1)) + 1
        common = rows - max(rows // 10, 1)
        self.left = shuffled[:rows]
        self.right = np.concatenate((shuffled[:common], shuffled[rows:]))


def _levels(scale: float) -> tuple[_Keys, _Keys, _Keys]:
    rows = _rows(scale)
    small, medium = max(rows // 1_000_000, 10), max(rows // 1000, 10)
    return _Keys(small, 1), _Keys(medium, 2), _Keys(rows, 3)


def _left(scale: float) -> Batches:
    small, medium, big = _levels(scale)
    order = random(_SEED, 2).permutation(big.rows)
    for first, count in spans(big.rows):
        rng = random(_SEED, 3, first)
        keys = [rng.choice(small.left, count), rng.choice(medium.left, count), big.left[order[first : first + count]]]
        yield _columns(keys, "v1", rng)


def _right(level: int) -> Table:
    def batches(scale: float) -> Batches:
        keys = _levels(scale)
        chosen = keys[level - 1].right
        order = random(_SEED, 4, level).permutation(len(chosen))
        for first, count in spans(len(chosen)):
            rng = random(_SEED, 5, level, first)
            own = chosen[order[first : first + count]]
            yield _columns([*(rng.choice(k.right, count) for k in keys[: level - 1]), own], "v2", rng)

    return Table(
        ("small", "medium", "big")[level - 1], (f"id{level}",), lambda scale: _levels(scale)[level - 1].rows, batches
    )


def _columns(keys: list[NDArray[np.int64]], value: str, rng: np.random.Generator) -> dict[str, pa.Array[Any]]:
    """id1 and so on as integers, id4 and so on as their texts, and a value."""
    numbers = {f"id{i}": pa.array(key, pa.int32()) for i, key in enumerate(keys, 1)}
    names = {f"id{i}": _ids(key, 1) for i, key in enumerate(keys, 4)}
    return {**numbers, **names, value: pa.array(np.round(rng.uniform(0, 100, len(keys[0])), 6))}


GROUPBY = Table("x", (), _rows, _groupby)
JOIN = (Table("x", ("id3",), _rows, _left), *(_right(level) for level in (1, 2, 3)))


def ensure_groupby(scale: float, tables: Iterable[str]) -> dict[str, Path]:
    """The Parquet file of the table to group (``x``) at this scale."""
    return ensure("h2o-groupby-1", scale, [table for table in (GROUPBY,) if table.name in tables])


def ensure_join(scale: float, tables: Iterable[str]) -> dict[str, Path]:
    """The Parquet files of the tables to join (``x``, ``small``, ``medium``, ``big``) at this scale."""
    return ensure("h2o-join-1", scale, [table for table in JOIN if table.name in tables])
