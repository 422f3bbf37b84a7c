"""The Hilbert curve: it meets every point once, each next to the last; and rows along it are near in every column."""

from __future__ import annotations

import numpy as np
import pytest

from locality.operators.ordering.curve import curve_field, hilbert_index
from locality.operators.ordering.fields import Field
from locality.operators.ordering.order import in_turn, order_of


@pytest.mark.parametrize(("dimensions", "bits"), [(1, 5), (2, 1), (2, 5), (3, 1), (3, 3), (4, 2), (5, 2)])
def test_it_goes_from_each_point_to_a_neighbour(dimensions: int, bits: int) -> None:
    sides = [np.arange(2**bits, dtype=np.uint64)] * dimensions
    points = np.stack([axis.ravel() for axis in np.meshgrid(*sides)])
    places = hilbert_index(points, bits)
    assert sorted(places.tolist()) == list(range(2 ** (bits * dimensions)))
    along = points[:, np.argsort(places)].astype(np.int64)
    steps = np.abs(np.diff(along, axis=1)).sum(axis=0)
    assert (steps == 1).all()


def test_a_stretch_of_rows_is_narrow_in_every_column() -> None:
    rng = np.random.default_rng(5)
    rows, part = 4096, 64
    skewed = [(rng.exponential(1000, rows) ** 2).astype(np.uint64), rng.integers(0, 2**40, rows).astype(np.uint64)]
    fields = [[Field(63, lambda wanted, values=values: values[wanted].copy())] for values in skewed]
    order = order_of([curve_field(fields, rows, in_turn)], rows).rows
    ranks = [np.argsort(np.argsort(values)) for values in skewed]
    widths = [np.ptp(rank[order].reshape(-1, part), axis=1) for rank in ranks]
    # 64 parts are 8 by 8 squares at best, each an eighth of the ranks wide
    assert all(np.median(width) < rows / 5 for width in widths)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_have_an_order_too(rows: int) -> None:
    fields = [[Field(8, lambda wanted: np.arange(rows, dtype=np.uint64)[wanted])], []]
    order = order_of([curve_field(fields, rows, in_turn)], rows).rows
    assert sorted(order.tolist()) == list(range(rows))
