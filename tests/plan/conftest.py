"""One table with columns of all kinds of numbers, in Locality and in DuckDB."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from tests.plan.sides import Sides, both_sides, decimals, kernels_alone, with_nulls

ROWS = 3000


def doubles(random: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Of many magnitudes, among them halves and thousandths."""
    values = random.normal(size=ROWS) * 10.0 ** random.integers(-3, 9, ROWS)
    values[: ROWS // 3] = random.integers(-(10**6), 10**6, ROWS // 3) / 2
    values[ROWS // 3 : ROWS // 2] = random.integers(-(10**9), 10**9, ROWS // 2 - ROWS // 3) / 1000
    return values


def special_doubles(random: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Every second one NaN, infinite, a zero of either sign, the least or the greatest."""
    values = doubles(random)
    for start, special in enumerate((np.nan, np.inf, -np.inf, -0.0, 0.0, 5e-324, 1.7976931348623157e308)):
        values[start::14] = special
    return values


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    """Wide and narrow columns; the names are the types' initials."""
    random = np.random.default_rng(12)

    def integers(low: int, high: int, dtype: type[np.integer] = np.int64) -> pa.Array:
        return pa.array(random.integers(low, high, ROWS).astype(dtype))

    x, special = doubles(random), special_doubles(random)
    table = pa.table(
        {
            "i": with_nulls(integers(-(2**40), 2**40), 1),
            "j": integers(-(2**40), 2**40),
            "big": integers(-(2**62), 2**62),
            "k": with_nulls(integers(-20_000, 20_000, np.int32), 2),
            "l": integers(1, 20_000, np.int32),
            "s8": with_nulls(integers(-60, 60, np.int8), 3),
            "t8": integers(-60, 60, np.int8),
            "u8": integers(0, 100, np.uint8),
            "u64": integers(0, 2**62, np.uint64),
            "u32": integers(0, 2**31, np.uint32),
            "sh": integers(-3, 70),
            "x": with_nulls(pa.array(x), 4),
            "y": np.abs(x) + 0.25,
            "sp": with_nulls(pa.array(special), 5),
            "sq": np.roll(special, 3),
            "f": with_nulls(pa.array(x.astype(np.float32)), 6),
            "g": (np.abs(x) + 1).astype(np.float32),
            "fs": special.clip(-1e30, 1e30).astype(np.float32),
            "de": with_nulls(decimals(random.integers(-(10**14), 10**14, ROWS), 18, 4), 7),
            "df": decimals(random.integers(1, 10**8, ROWS), 12, 2),
            "dw": decimals(random.integers(-(10**17), 10**17, ROWS), 38, 10),
            "d4": decimals(random.integers(-(10**8), 10**8, ROWS), 9, 4),
            "b": with_nulls(pa.array(random.random(ROWS) < 0.5), 8),
            "c": with_nulls(pa.array(random.random(ROWS) < 0.5), 9),
            "st": with_nulls(pa.array([f"w{n}" for n in random.integers(0, 9, ROWS)]), 10),
            "su": with_nulls(pa.array([f"w{n}" for n in random.integers(4, 15, ROWS)]), 11),
        }
    )
    with both_sides(tmp_path_factory.mktemp("numbers") / "store", table) as sides, kernels_alone():
        yield sides
