"""HAVING asked of slots while groups are gathered: DuckDB's answers, and failing groups are not put together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from locality.operators.aggregation import aggregate
from locality.operators.aggregation.clusters import Clusters, PartBounds
from locality.operators.aggregation.output import Groups
from locality.operators.morsels import Morsel
from locality.plan.intervals import INT64_MAX, INT64_MIN
from tests.kernel.both import both
from tests.properties.oracle import Pair

ROWS = 200_000


def test_rows_between_are_kept_and_those_that_are_not_complete() -> None:
    integers = np.random.default_rng(3).integers(-5, 5, (40, 2))
    rows = np.arange(1, 39)
    for keep_between in both("keep_between"):
        numbers = rows.copy()
        count = keep_between(integers, 1, -1, 2, 6, 30, numbers, len(rows))
        expected = [row for row in rows.tolist() if -1 <= integers[row, 1] <= 2 or row < 6 or row > 30]
        assert numbers[:count].tolist() == expected


def test_groups_of_two_morsels_are_not_complete() -> None:
    bounds = PartBounds(np.array([0, 9, 25, 30]), np.array([9, 20, 30, 41]), 10)
    clusters = Clusters((bounds,), 0, 1, 10)
    morsels = [Morsel(0, np.array([(start, start + 10)]), 0) for start in range(0, 40, 10)]
    assert clusters.complete(morsels) == [(INT64_MIN, 8), (10, 24), (21, 29), (31, INT64_MAX - 1)]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """``k`` ascends, with a group over several zones; ``far`` has a group in every part; ``wide`` needs two slots."""
    rng = np.random.default_rng(1)
    k = np.sort(rng.integers(-9_000, 60_000, ROWS))
    k[60_000:140_000] = k[60_000]
    table = pa.table(
        {
            "k": k,
            "far": np.where(rng.random(ROWS) < 0.001, k + 40_000, k),
            "mixed": rng.permutation(k) + 2**40,
            "n": pa.array(rng.integers(-9, 10, ROWS), mask=rng.random(ROWS) < 0.3),
            "x": np.where(rng.random(ROWS) < 0.01, np.nan, rng.integers(0, 9, ROWS) / 4),
            "wide": rng.integers(-(2**62), 2**62, ROWS),
            "price": pa.array(rng.integers(-999, 999, ROWS)).cast(pa.decimal128(19, 0)).cast(pa.decimal128(15, 2)),
            "day": pa.array(rng.integers(0, 900, ROWS).astype("int32")).cast(pa.date32()),
        }
    )
    with Pair() as made:
        made.load("t", [table.slice(0, 150_001), table.slice(150_001)])
        yield made


@pytest.mark.parametrize(
    ("key", "having"),
    [
        ("k", "sum(n) > 12 and count(*) < 9"),
        ("far", "sum(n) is null or sum(n) = 0"),
        ("k", "count(n) filter (where x > 1) between 1 and 2 and not max(n) > 3"),
        ("far", "min(day) >= date '1971-01-01' and max(price) < 3.5 and sum(price) <> 0.01"),
        ("mixed", "sum(wide) > 9223372036854775807 or max(x) = 'nan'"),
        ("mixed", "avg(n) > 5 and sum(n) in (6, 7, 12) and mixed % 2 = 0"),
        ("k", "sum(n) > 100000"),
    ],
)
def test_groups_are_those_of_duckdb(pair: Pair, key: str, having: str) -> None:
    pair.check(f"select {key}, count(*), sum(n) from t group by {key} having {having}")


def test_failing_groups_are_left_where_they_are(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    gathered: list[int] = []

    def recorded(groups: Groups, *rest: object) -> object:
        gathered.append(len(groups))
        return output(groups, *rest)

    output = aggregate.batch_of_groups
    monkeypatch.setattr(aggregate, "batch_of_groups", recorded)
    sql = "select k, sum(n) from t group by k having sum(n) > 25"
    pair.check(sql)
    pair.locality.settings.disabled_optimizers = frozenset({"early_having"})
    pair.check(sql)
    pair.locality.settings.disabled_optimizers = frozenset()
    assert gathered[0] < gathered[1] / 20
    pair.check("select k, sum(n) from t group by k")  # the same groups, with nothing asked of them
    assert gathered[2] == gathered[1]


def test_after_a_delete(pair: Pair) -> None:
    for engine in (pair.locality, pair.duckdb):
        engine.sql("delete from t where n = 9 or k % 1000 = 1")
    pair.check("select k, sum(n), count(*) from t group by k having sum(n) > 12")
    pair.check("select far, count(*) from t group by far having count(*) = 1")
