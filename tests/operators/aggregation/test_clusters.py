"""Joining the groups of neighbouring morsels, against a dictionary; and clustered queries against DuckDB."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality.operators.aggregation.accumulators import Slot, Slots
from locality.operators.aggregation.aggregate import Aggregation
from locality.operators.aggregation.clusters import Clusters, PartBounds, join
from locality.operators.aggregation.output import Groups
from locality.operators.morsels import Morsel
from locality.plan.expressions import ColumnRef
from locality.runtime.execution import QueryExecution, Workers
from locality.types import parse
from tests.properties.oracle import Pair

_X = ColumnRef(0, parse("BIGINT"))
SLOTS = Slots([Slot("+", "one"), Slot("min", "value", _X)], [Slot("+", "real", _X)])


def part(numbers: list[int], seed: int) -> Groups:
    rng = np.random.default_rng(seed)
    return Groups(
        np.array(numbers, np.int64),
        rng.integers(1, 9, (len(numbers), 2)),
        rng.integers(0, 9, (len(numbers), 1)).astype(float),
    )


@given(st.lists(st.sets(st.integers(0, 12), max_size=4).map(sorted), max_size=6), st.booleans())
def test_parts_are_added_up_by_number(numbers: list[list[int]], ordered: bool) -> None:
    if ordered:  # neighbours then share at most their ends, and one group may span several parts
        bounds = sorted(x for some in numbers for x in some)
        sizes = np.cumsum([0, *map(len, numbers)])
        numbers = [sorted(set(bounds[a:b])) for a, b in itertools.pairwise(sizes)]
    parts = [part(some, seed) for seed, some in enumerate(numbers)]
    expected: dict[int, tuple[int, int, float]] = {}
    for some in parts:
        for key, (count, least), (total,) in zip(
            some.keys.tolist(), some.integers.tolist(), some.floats.tolist(), strict=True
        ):
            old = expected.get(key, (0, 99, 0.0))
            expected[key] = (old[0] + count, min(old[1], least), old[2] + total)
    workers = Workers(2)
    joined = join(parts, SLOTS, QueryExecution(workers, 1 << 30))
    workers.close()
    found = [(*i, *f) for i, f in zip(joined.integers.tolist(), joined.floats.tolist(), strict=True)]
    assert joined.keys.tolist() == sorted(expected)
    assert found == [expected[key] for key in sorted(expected)]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """``k`` follows the rows' order, with groups across zones; ``j`` does so roughly."""
    rng = np.random.default_rng(1)
    rows = 300_000
    k = np.sort(rng.integers(-20_000, 80_000, rows))
    k[131_000:200_000] = k[131_000]  # one group over two edges of zones
    table = pa.table(
        {
            "k": k,
            "j": k + rng.integers(0, 3000, rows),
            "few": pa.array(rng.integers(0, 3, rows).astype(np.int8), mask=rng.random(rows) < 0.1),
            "n": rng.integers(-100, 100, rows),
            "x": rng.integers(-1000, 1000, rows) / 8,
        }
    )
    with Pair() as made:
        made.load("t", [table.slice(0, 200_001), table.slice(200_001)])
        yield made


@pytest.mark.parametrize(
    "sql",
    [
        "select k, count(*), sum(n), min(x), sum(x) from t group by k",
        "select k, few, sum(n), max(n) from t group by k, few",
        "select j, avg(x), min(n) from t where n > 0 group by j",
        "select k, sum(n) as s from t group by k having sum(n) > 200 and count(*) < 9 order by s desc, k",
        "select sum(n) from t group by k having max(few) = 0",
        "select k, n from (select k, max(n) n, sum(x) s from t group by k) where s > 100 order by n desc, k limit 10",
        "select k from t where n > 1000 group by k having sum(n) > 1",
    ],
)
def test_clustered_groups(pair: Pair, sql: str) -> None:
    pair.check(sql)
    assert "a small state a morsel" in str(pair.locality.explain(sql))


@pytest.fixture(scope="module")
def family() -> Iterator[Pair]:
    """Children in the order of parents, some of which have none; and others strewn."""
    rng = np.random.default_rng(7)
    parents = 140_000
    keys = np.sort(rng.integers(-5, parents, 200_000))
    strewn = rng.permutation(keys)
    value = pa.array(rng.integers(-9, 9, len(keys)), mask=rng.random(len(keys)) < 0.1)
    child = pa.table({"p": keys, "strewn": strewn, "v": value})
    parent = pa.table(
        {"id": np.arange(0, 2 * parents, 2) // 2, "a": rng.integers(0, 7, parents), "s": rng.integers(0, 99, parents)}
    )
    with Pair() as made:
        made.load("child", [child.slice(0, 131_072), child.slice(131_072)])
        made.load("parent", [parent])
        yield made


@pytest.mark.parametrize(
    ("key", "condition", "runs"),
    [("p", "a < 6 and v > -3", 2), ("p", "s between 3 and 7", 0), ("strewn", "a < 6 and v > -3", 0)],
)
def test_groups_of_a_join_with_parents_that_the_rows_follow(
    family: Pair, key: str, condition: str, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Clusters] = []
    clustered = Aggregation._run_clustered

    def recorded(self: Aggregation, clusters: Clusters, *rest: Any) -> Groups:
        found.append(clusters)
        return clustered(self, clusters, *rest)

    monkeypatch.setattr(Aggregation, "_run_clustered", recorded)
    sql = f"select id, a, sum(v), count(*) from child join parent on {key} = id where {condition} group by id, a"
    family.check(f"{sql} having count(*) > 1")
    family.check(sql)
    assert len(found) == runs


def test_one_range_for_all_morsels() -> None:
    bounds = PartBounds(np.array([0, 9]), np.array([9, 20]), 10)
    clusters = Clusters((bounds, bounds), 5, 3, 10).all_in_one(7)
    assert [clusters.window(Morsel(1, np.array([(start, start + 10)]), 0)) for start in (0, 10)] == [(0, 7), (0, 7)]
