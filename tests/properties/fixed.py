"""A table with a column for every use, in several variants: the data that queries of a fixed shape run over."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from tests.properties.data import Kind, random_table

#: Name, type, shape of the values, share of NULLs.
COLUMNS: Mapping[str, tuple[str, str, str]] = {
    "id": ("BIGINT", "sorted", "none"),
    "tiny": ("TINYINT", "few", "some"),
    "qty": ("SMALLINT", "few", "none"),
    "run": ("INTEGER", "runs", "none"),
    "same": ("INTEGER", "constant", "none"),
    "big": ("BIGINT", "ends", "few"),
    "u": ("UINTEGER", "spread", "none"),
    "price": ("DECIMAL(15,2)", "sorted", "few"),
    "rate": ("DECIMAL(4,1)", "few", "none"),
    "wide": ("DECIMAL(38,5)", "spread", "some"),
    "flag": ("BOOLEAN", "few", "some"),
    "day": ("DATE", "few", "few"),
    "ts": ("TIMESTAMP", "runs", "none"),
    "f": ("DOUBLE", "spread", "some"),
    "f4": ("FLOAT", "few", "none"),
    "odd": ("DOUBLE", "special", "few"),
    "k": ("VARCHAR", "few", "few"),
    "raw": ("VARCHAR", "spread", "few"),
    "bytes": ("BLOB", "few", "some"),
    "nothing": ("INTEGER", "few", "all"),
}
KINDS = tuple(Kind(dtype, shape) for dtype, shape, _ in COLUMNS.values())


def _table(seed: int, rows: int, nulls: str | None = None) -> pa.Table:
    shares = [nulls or share for _, _, share in COLUMNS.values()]
    return random_table(random.Random(seed), rows, KINDS, shares).rename_columns(list(COLUMNS))


def _zones(seed: int, rows: int) -> pa.Table:
    """More rows than a zone has: few that are made one by one, repeated in their order."""
    positions = np.random.default_rng(seed).integers(0, 1500, rows)
    return _table(seed, 1500).take(pa.array(np.sort(positions)))


def large() -> list[pa.Table]:
    """Ingests of other values and sizes: other encodings, widths, dictionaries and NULLs in each segment."""
    return [_zones(2, 66_000), _table(4, 1), _table(5, 300, "none")]


SMALL: Mapping[str, Callable[[], list[pa.Table]]] = {
    "appended": lambda: [_table(3, 250), _table(4, 1), _table(5, 80, "none")],
    "one row": lambda: [_table(6, 1)],
    "no rows": lambda: [_table(7, 0)],
    "only NULLs": lambda: [_table(8, 100, "all")],
}
