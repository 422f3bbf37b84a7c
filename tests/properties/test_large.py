"""Tables of more rows than a segment holds, from several ingests, with few queries of every kind."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from tests.properties.oracle import Pair

SEGMENT = 16 * 65_536


def _table(seed: int, rows: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    words = np.array([f"{seed}-{k}" for k in range(40)])
    return pa.table(
        {
            "n": np.arange(rows) + seed * 10**9,
            "small": pa.array(rng.integers(-50, 50, rows).astype(np.int16), mask=rng.random(rows) < 0.1 * seed),
            "word": pa.array(words).take(pa.array(rng.integers(0, len(words), rows))),
            "run": np.sort(rng.integers(0, 1000, rows)),
            "x": rng.integers(-(2**20), 2**20, rows) / 64,
            "flag": rng.random(rows) < 0.5,
        }
    )


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made:
        made.load("t", [_table(0, SEGMENT + 70_001), _table(1, 65_536), _table(2, 3)])
        yield made


@pytest.mark.parametrize(
    ("sql", "ordered"),
    [
        ("select count(*), count(small), sum(n), sum(small), avg(x), min(x), max(word) from t", False),
        ("select small, count(*), sum(n), max(x) from t where run > 10 group by small", False),
        ("select word, flag, sum(n), count(distinct run) from t group by word, flag", False),
        ("select run, sum(small) from t group by run having sum(small) > 300", False),
        ("select n, word from t where small = 7 and x > 16000", True),
        ("select n, x, small from t order by x desc, n limit 30", True),
        ("select small, n from t order by small desc nulls last, n offset 1000 limit 30", True),
        ("select distinct word, small is null from t", False),
        ("select n from t limit 10 offset 1048570", True),
        ("select n, run from t where word like '1-%' and flag order by run desc, n limit 1000", True),
        ("select count(*), sum(s) from (select n % 1000 as r, sum(small) as s from t group by r)", False),
    ],
)
def test_many_segments(pair: Pair, sql: str, ordered: bool) -> None:
    pair.check(sql, ordered=ordered)


def test_many_groups(pair: Pair) -> None:
    pair.check("select count(*), sum(s), max(c) from (select n, sum(small) s, count(*) c from t group by n)")
