"""Dense groupings: workers' states put together, against numpy; and queries over many groups against DuckDB."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from locality.operators.aggregation.accumulators import Slot, Slots, fresh
from locality.operators.aggregation.dense import merge_states
from locality.plan.expressions import ColumnRef
from locality.runtime.execution import QueryExecution, Workers
from locality.types import parse
from tests.properties.oracle import Pair

_X = ColumnRef(0, parse("BIGINT"))


@pytest.mark.parametrize("groups", [1, 5000, 65_536, 65_537, 150_000])
@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("floats", [[], [Slot("+", "real", _X)]])
def test_states_are_added_up(groups: int, workers: int, floats: list[Slot]) -> None:
    slots = Slots([Slot("+", "one"), Slot("min", "value", _X), Slot("max", "value", _X)], floats)
    rng = np.random.default_rng(groups)
    states, rows = [], []
    for _ in range(workers):
        state = fresh(slots.integers, groups + 1, np.int64), fresh(floats, groups + 1, np.float64)
        keys, values = rng.integers(0, groups + 1, groups // 2), rng.integers(-99, 99, groups // 2)
        for column, ufunc in enumerate((np.add, np.minimum, np.maximum)):
            ufunc.at(state[0][:, column], keys, values if column else 1)
        if floats:
            np.add.at(state[1][:, 0], keys, values)
        states.append(state)
        rows.append((keys, values))
    keys, values = (np.concatenate(some) for some in zip(*rows, strict=True))
    keys, values = keys[keys < groups], values[keys < groups]  # the last row is no group

    pool = Workers(2)
    merged = merge_states(states, slots, QueryExecution(pool, 1 << 30))
    pool.close()
    expected, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    least, most, total = np.full(len(expected), 99), np.full(len(expected), -99), np.zeros(len(expected))
    np.minimum.at(least, inverse, values)
    np.maximum.at(most, inverse, values)
    np.add.at(total, inverse, values)
    assert merged.keys.tolist() == expected.tolist()
    assert merged.integers.tolist() == np.stack([counts, least, most], axis=1).tolist()
    assert merged.floats.tolist() == ([[x] for x in total.tolist()] if floats else [[] for _ in expected])


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    rng = np.random.default_rng(11)
    rows = 400_000
    table = pa.table(
        {
            "k": pa.array(rng.integers(-1000, 150_000, rows).astype(np.int32), mask=rng.random(rows) < 0.01),
            "few": rng.integers(0, 5, rows).astype(np.int8),
            "n": pa.array(rng.integers(-1000, 1000, rows), mask=rng.random(rows) < 0.1),
            "x": rng.normal(5.0, 1.0, rows),
        }
    )
    with Pair(threads=2) as made:
        made.load("t", [table])
        yield made


@pytest.mark.parametrize(
    "sql",
    [
        "select k, count(*), sum(n), min(n), max(x) from t group by k",
        "select k, avg(x), stddev(x), var_pop(n), count(n) from t group by k",
        "select k, count(distinct few), sum(x) from t where n > 0 group by k",
        "select k, few, count(*) from t group by k, few having count(*) > 2",
        "select k, sum(n) filter (where few = 1) as s from t group by k order by s desc nulls last, k limit 20",
    ],
)
def test_many_groups(pair: Pair, sql: str) -> None:
    pair.check(sql)
    assert "by dense codes" in str(pair.locality.explain(sql))


def test_few_rows_of_many_possible_groups_are_hashed(pair: Pair) -> None:
    sql = "select k, sum(n), count(*) from t where n = 7 group by k"
    pair.check(sql)
    assert "by hash" in str(pair.locality.explain(sql))


def test_rows_of_more_possible_groups_get_state_while_it_stays_cached() -> None:
    rng = np.random.default_rng(3)
    table = pa.table({"k": rng.integers(0, 150_000, 30_000), "n": rng.integers(-9, 9, 30_000)})
    with Pair(threads=2) as pair:
        pair.load("t", [table])
        few, many = (
            "select k, sum(n) from t group by k",
            "select k, sum(n), min(n), max(n), stddev(n) from t group by k",
        )
        for sql, how in ((few, "by dense codes"), (many, "by hash")):
            pair.check(sql)
            assert how in str(pair.locality.explain(sql))
