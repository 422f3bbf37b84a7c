"""Every shape of query that Locality answers by itself, over tables of many forms, against DuckDB."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from tests.properties.effort import EFFORT, examples
from tests.properties.fixed import VARIANTS
from tests.properties.oracle import Pair
from tests.properties.shapes import SHAPES, Shape

_SHARE = 4
"""Of the smallest variants, a default run takes one shape in so many; each of them takes others."""


def _cases() -> list[Any]:
    cases = []
    for number, variant in enumerate(VARIANTS):
        for position, shape in enumerate(SHAPES):
            if variant == "appended" or EFFORT > 1 or position % _SHARE == number:
                cases.append(pytest.param(variant, shape, id=f"{variant}: {shape.sql}"))
    return cases


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with Pair() as made:
        made.load("t", VARIANTS[request.param]())
        yield made


@pytest.mark.parametrize(("pair", "shape"), _cases(), indirect=["pair"])
def test_shape(pair: Pair, shape: Shape) -> None:
    source = random.Random(shape.sql)
    for _ in range(examples(2)):
        pair.check(shape.fill(source), ordered=shape.ordered)


@pytest.mark.parametrize(
    "sql", ["select v from t where v is distinct from 517", "select v, v::varchar < '4' as b from t"]
)
def test_segments_of_other_widths(sql: str) -> None:
    """Codes of one byte in one segment, of two in the next: what a predicate makes of the wider ones must not wrap."""
    with Pair() as pair:
        for first, second in (([1, 2, 3, 250], [0, 1000, 517, 2000]), ([-1, 1, 517], [0, 1000, 20])):
            for parts in ([first, second], [second, first]):
                pair.load("t", [pa.table({"v": part}) for part in parts])
                pair.check(sql)
