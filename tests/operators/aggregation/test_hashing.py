"""Hash aggregation against DuckDB: skewed and distinct keys, NULLs, several types, many rounds, small memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.errors import MemoryLimitError
from locality.operators.aggregation import partitions
from locality.operators.aggregation.partitions import expected_groups
from tests.properties.oracle import Pair

ROWS = 200_000


def _table() -> pa.Table:
    rng = np.random.default_rng(7)
    spread = rng.integers(-(2**63), 2**63 - 1, ROWS)
    skewed = np.where(rng.random(ROWS) < 0.7, spread[:9][rng.integers(0, 9, ROWS)], spread)
    odd = rng.choice([0.0, -0.0, np.nan, np.inf, -np.inf, 1.5, -2.25], ROWS)
    return pa.table(
        {
            "id": rng.permutation(spread),
            "skewed": pa.array(skewed, mask=rng.random(ROWS) < 0.05),
            "pair": spread[rng.integers(0, 60_000, ROWS)],
            "half": pa.array(rng.integers(0, 40_000, ROWS) / 2 - 9000, mask=rng.random(ROWS) < 0.01),
            "odd": pa.array(odd, mask=rng.random(ROWS) < 0.1),
            "word": pa.array([f"w{n}" for n in rng.integers(0, 300, ROWS)], mask=rng.random(ROWS) < 0.1),
            "small": pa.array(rng.integers(-90, 90, ROWS).astype(np.int16), mask=rng.random(ROWS) < 0.2),
            "big": rng.integers(-(2**62), 2**62, ROWS),
            "x": rng.normal(1000.0, 1.0, ROWS),
        }
    )


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    table = _table()
    with Pair(threads=2) as made:
        made.load("t", [table.slice(0, 90_000), table.slice(90_000)])
        yield made


QUERIES = (
    "select id, count(*), sum(small), min(big) from t group by id",
    "select skewed, count(*), sum(big), max(small), avg(x) from t group by skewed",
    "select pair, sum(x), min(x), max(x), stddev(x), var_pop(small) from t group by pair",
    "select half, odd, count(small), max(word) from t group by half, odd",
    "select word, id, small, count(*) from t group by word, id, small",
    "select odd, word, count(*), sum(big) filter (where small > 0) from t group by odd, word",
    "select pair, small, bool_or(small > 0), min(half) from t where x > 1000 group by pair, small",
    "select skewed, half, word, odd, count(*), stddev_pop(x) from t group by skewed, half, word, odd",
    "select pair, sum(small) as s from t group by pair having sum(small) > 250 and min(x) < 999 order by s, pair",
    "select count(*), sum(n), max(s) from (select id, half, count(*) n, sum(small) s from t group by id, half)",
    "select distinct skewed, small from t",
    "select half, count(*) from t where x > 1e9 group by half",
)


@pytest.mark.parametrize("sql", QUERIES)
def test_groups_by_hash(pair: Pair, sql: str) -> None:
    pair.check(sql)
    assert "groups by hash" in str(pair.locality.explain(sql))


@pytest.mark.parametrize("sql", QUERIES[:4])
def test_records_are_merged_in_many_rounds(pair: Pair, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "_ROUND_BYTES", 1 << 20)
    pair.check(sql)


def test_answers_do_not_depend_on_which_thread_did_what(pair: Pair) -> None:
    sql = QUERIES[2]
    first = pair.locality.sql(sql).to_arrow_table()
    assert all(pair.locality.sql(sql).to_arrow_table().equals(first) for _ in range(3))


@pytest.mark.parametrize("column", ["id", "pair", "half, word"])
def test_groups_past_the_memory_limit_are_an_error(column: str) -> None:
    with locality.connect(memory_limit=700_000) as connection:
        connection.ingest("t", _table())
        with pytest.raises(MemoryLimitError, match="the groups of an aggregation"):
            connection.sql(f"select {column}, count(*) from t group by {column}")
        few = connection.sql("select odd, word, count(*) from t where small = 7 group by odd, word")
        assert few.profile.engine == "locality"


@pytest.mark.parametrize(
    ("groups", "drawn", "total"),
    [(1000, 500, 10_000), (50_000, 4096, 90_000), (10**9, 4096, 90_000), (3, 4096, 90_000)],
)
def test_the_number_of_groups_is_guessed_from_the_first_rows(groups: int, drawn: int, total: int) -> None:
    rows = np.random.default_rng(4).integers(0, groups, total)
    found, there_are = len(np.unique(rows[:drawn])), len(np.unique(rows))
    assert there_are * 0.9 <= expected_groups(found, drawn, total) <= there_are * 1.4 + 2
