"""Blocks that no key of a join can be in are not run, and the rows are those of DuckDB."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from locality.operators.pipeline import Pipeline
from tests.properties.oracle import Pair

ROWS = 90_000
NULLS = np.arange(ROWS) % 7 == 3
KEYS = np.arange(ROWS) // 4
COLUMNS = {
    "ascending": pa.array(KEYS),
    "descending": pa.array(-3 * KEYS),
    "far": pa.array(2**62 + KEYS),
    "nulls": pa.array(KEYS, mask=NULLS),
    "decimal": pa.array(KEYS).cast(pa.decimal128(19, 0)).cast(pa.decimal128(15, 2)),
    "shuffled": pa.array(np.random.default_rng(2).permutation(KEYS)),
    "runs": pa.array(KEYS // 100 * 7 - 5),
    "runs_and_nulls": pa.array(KEYS // 100, mask=np.arange(ROWS) // 5000 % 3 == 1),
    "day": pa.array((KEYS % 30_000).astype("int32")).cast(pa.date32()),
}


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made:
        table = pa.table({**COLUMNS, "v": np.arange(ROWS) % 11})
        made.load("t", [table.slice(0, 70_000), table.slice(70_000)])
        for name, column in COLUMNS.items():
            rows = [0, 4, 30_000, 30_004, 69_999, 70_000, ROWS - 1]
            near = [column[row].as_py() for row in rows] + [None]
            made.load(f"few_{name}", [pa.table({"k": pa.array(near, column.type), "w": range(len(near))})])
        yield made


@pytest.fixture
def shares(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Of each pipeline with links, the share that they leave of the rows that filters do."""
    found: list[float] = []
    clipped = Pipeline._clipped

    def recorded(self: Pipeline) -> list[object]:
        morsels = clipped(self)
        if self.relation.links:
            planned = sum(morsel.rows for morsel in self.planned)
            found.append(sum(morsel.rows for morsel in morsels) / max(planned, 1))
        return morsels  # type: ignore[return-value]

    monkeypatch.setattr(Pipeline, "_clipped", recorded)
    return found


@pytest.mark.parametrize("name", COLUMNS)
def test_joins_with_few_keys(pair: Pair, shares: list[float], name: str) -> None:
    few = f"few_{name}"
    for query in (
        f"select v, {name} from t where {name} in (select k from {few})",
        f"select v, w from t join {few} on {name} = k where w < 6",
        f"select {name}, sum(v), count(*) from t join {few} on {name} = k group by {name}",
        f"select v, w from t left join {few} on {name} = k where v < 1 and ascending < 50",
        f"select count(*) from t where {name} not in (select k from {few} where k is not null)",
        f"select v, w from t join {few} on {name} is not distinct from k where v = 2",
    ):
        pair.check(query)
    assert (min(shares) < 0.2) == (name != "shuffled")
