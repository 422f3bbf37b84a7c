"""Every shape of query that Locality answers by itself, over tables of many forms, against DuckDB."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pyarrow as pa
import pytest

from tests.properties.effort import EFFORT, examples
from tests.properties.fixed import SMALL, large
from tests.properties.interpreted import interpreted_kernels
from tests.properties.oracle import Pair
from tests.properties.shapes import SHAPES, Shape

_SHARE = 3
"""A default run compiles one shape in so many; the others run interpreted, over small tables."""


@pytest.fixture(scope="module", params=SMALL)
def small(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with Pair() as made:
        made.load("t", SMALL[request.param]())
        yield made


@pytest.fixture(scope="module")
def large_pair() -> Iterator[Pair]:
    with Pair() as made:
        made.load("t", large())
        yield made


def _check(pair: Pair, shape: Shape) -> None:
    source = random.Random(shape.sql)
    for _ in range(examples(2)):
        pair.check(shape.fill(source), ordered=shape.ordered)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.sql)
def test_shape_interpreted(small: Pair, shape: Shape) -> None:
    with interpreted_kernels():
        _check(small, shape)


@pytest.mark.parametrize("shape", SHAPES if EFFORT > 1 else SHAPES[::_SHARE], ids=lambda shape: shape.sql)
def test_shape_compiled(large_pair: Pair, shape: Shape) -> None:
    _check(large_pair, shape)


@pytest.mark.parametrize(
    "sql", ["select v from t where v is distinct from 517", "select v, v::varchar < '4' as b from t"]
)
def test_segments_of_other_widths(sql: str) -> None:
    """Codes of one byte in one segment, of two in the next: what a predicate makes of the wider ones must not wrap."""
    with Pair() as pair, interpreted_kernels():
        for first, second in (([1, 2, 3, 250], [0, 1000, 517, 2000]), ([-1, 1, 517], [0, 1000, 20])):
            for parts in ([first, second], [second, first]):
                pair.load("t", [pa.table({"v": part}) for part in parts])
                pair.check(sql)
