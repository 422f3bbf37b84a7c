"""Pairs of a join are made some at a time where a condition leaves pairs out: the same, however many at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from locality.operators.joins import pairs
from tests.properties.oracle import Pair


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    rng = np.random.default_rng(5)

    def rows(count: int) -> pa.Table:
        keys = pa.array(rng.integers(0, 6, count), mask=rng.random(count) < 0.2)
        return pa.table({"k": keys, "v": rng.integers(0, 50, count), "i": np.arange(count)})

    with Pair() as made:
        made.load("a", [rows(70)])
        made.load("b", [rows(90)])
        made.load("nothing", [rows(0)])
        yield made


@pytest.mark.parametrize("most", [1, 64, 1 << 20])
@pytest.mark.parametrize("on", ["a.k = b.k and (a.v * b.v) % 5 = 2", "(a.v + b.v) % 11 = 3"])
@pytest.mark.parametrize("kind", ["", "left", "right", "full", "semi", "anti"])
def test_parts_against_duckdb(kind: str, on: str, most: int, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "_PART", most)
    pair.check(f"select * from a {kind} join b on {on}")
    pair.check(f"select * from a {kind} join nothing b on {on}")
    pair.check(f"select * from nothing a {kind} join b on {on}")


def test_parts_are_the_left_rows_in_order() -> None:
    ranks = np.array([1, -1, 0, 1, 2, -1, 0], np.int64)
    equal = pairs._Equal(ranks, np.arange(10, dtype=np.int32), np.array([0, 3, 5, 10], np.int32))
    assert [(part.start, part.stop) for part in equal.parts(4)] == [(0, 2), (2, 3), (3, 4), (4, 5), (5, 7)]
    assert [(part.start, part.stop) for part in equal.parts(5)] == [(0, 3), (3, 4), (4, 6), (6, 7)]
    assert [(part.start, part.stop) for part in equal.parts(99)] == [(0, 7)]
    assert [(part.start, part.stop) for part in pairs._Every(5, 2).parts(4)] == [(0, 2), (2, 4), (4, 5)]
