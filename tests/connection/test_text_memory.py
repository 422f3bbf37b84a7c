"""Text that is too large to stay in memory: the same answers, decompressed a few segments at a time."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from locality.storage import snapshot
from tests.properties.oracle import Pair

ROWS = 30_000


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Four segments of text, one with NULLs and one with nothing else."""
    rng = np.random.default_rng(5)

    def part(first: int, nulls: int) -> pa.Table:
        texts = [
            f"{word:x} {'special' if word % 7 == 0 else 'usual'}" for word in rng.integers(0, 2**62, ROWS).tolist()
        ]
        texts = [None if i % 10 < nulls else text for i, text in enumerate(texts)]
        numbers = np.arange(first, first + ROWS)
        return pa.table({"n": numbers, "g": numbers % 5, "s": pa.array(texts, pa.string())})

    with pytest.MonkeyPatch.context() as patch, Pair(threads=2) as made:
        patch.setattr(snapshot, "MOST_KEPT_TEXT", ROWS)
        made.load("t", [part(number * ROWS, nulls) for number, nulls in enumerate((0, 3, 10, 0))])
        yield made


@pytest.mark.parametrize(
    "sql",
    [
        "select g, count(*) from t where s not like '%special%' group by g",
        "select count(*), sum(length(s)), min(n) from t where s like '%a%special%'",
        "select n, s from t where s like '0%' or s is null order by n limit 9 offset 3000",
        "select a.g, max(b.n) from t a join t b on a.n = b.n + 30000 where b.s like '%7 us%' and a.n > 40 group by a.g",
        "select count(distinct s) from t where n < 30000",
        "select s, count(*) from t where n < 40000 group by s order by s limit 20",
    ],
)
def test_answers_are_the_same_and_nothing_is_kept(sql: str, pair: Pair) -> None:
    segments = pair.locality._store.snapshot().tables.table("t").segments
    assert len(segments) == 4
    assert all(segment.is_passing(2) and not segment.is_passing(0) for segment in segments)
    for _ in range(2):
        pair.check(sql, ordered="order by" in sql)
        gc.collect()
        assert not any(segment.is_ready(2) for segment in segments)
