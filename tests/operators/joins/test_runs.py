"""Rows found from the side of few keys, where the left rows lie in the order of their key: against DuckDB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.operators.joins import marks, runs, source

PARENTS = 4000


def children(keys: np.ndarray, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table({"p": keys, "v": rng.integers(-9, 9, len(keys)), "w": rng.integers(0, 9, len(keys))})


def sorted_keys(low: int, high: int, seed: int) -> np.ndarray:
    """Some thousands of keys in order: most in short runs, some in none, one in a run of several blocks."""
    rng = np.random.default_rng(seed)
    keys = rng.integers(low, high, 3 * (high - low))
    return np.sort(np.concatenate([keys[keys % 7 != 0], np.full(2500, low + 8)])) * 5 - 1000


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[locality.Connection, duckdb.DuckDBPyConnection]]:
    rng = np.random.default_rng(1)
    ids = np.arange(PARENTS) * 5 - 1000
    parents = pa.table({"id": ids, "f": rng.integers(0, 100, PARENTS), "g": rng.integers(0, 50, PARENTS)})
    parts = [children(sorted_keys(0, 2000, 2), 3), children(sorted_keys(2000, PARENTS, 4), 5)]
    mixed = children(rng.permutation(sorted_keys(0, PARENTS, 6)), 7)
    missing = parts[0].set_column(0, "p", pa.array(parts[0]["p"].to_numpy(), mask=rng.random(len(parts[0])) < 0.1))
    path: Path = tmp_path_factory.mktemp("runs") / "s"
    with locality.connect(path, threads=2) as con, duckdb.connect() as oracle:
        for name, table in {"p": parents, "m": mixed, "n": missing, "c": parts[0]}.items():
            con.ingest(name, table)
        con.ingest("c", parts[1], mode="append")
        con.ingest("r", pa.table({"id": rng.permutation(ids), "f": parents["f"], "g": parents["g"]}))
        con.sql("delete from c where w = 3")
        for name in "pmncr":
            oracle.register(name, con.sql(f"from {name}").to_arrow_table())
        yield con, oracle


SUMS = "count(*) as n, sum(v) as total"
#: A query, and whether rows are found by their runs.
CASES = {
    "inner": (f"select {SUMS}, sum(g) as g from c join p on c.p = p.id where f < 9", True),
    "inner with tests": (f"select {SUMS} from c join p on c.p = p.id where f < 9 and w < 5 and v + w > 0", True),
    "parents in no order": (f"select g, {SUMS} from c join r on c.p = r.id where f < 9 group by g", True),
    "rows put out": ("select c.p, v, g from c join p on c.p = p.id where f = 9 and w > 2", True),
    "groups by the key": (f"select c.p, {SUMS} from c join p on c.p = p.id where f < 9 group by c.p", True),
    "semi": (f"select {SUMS} from c where c.p in (select id from p where f < 9)", True),
    "marks": ("select count(*) from p where f < 9 and exists (select 1 from c where c.p = p.id and c.v < c.w)", True),
    "no parent": (f"select {SUMS} from c join p on c.p = p.id where f = 9 and g = 51", None),
    "a later link": (f"select {SUMS}, min(r.g) from c join p on c.p = p.id join r on p.id = r.id where p.f < 9", True),
    "anti": (f"select {SUMS} from c where not exists (select 1 from p where c.p = p.id and f < 9)", False),
    "most parents": (f"select {SUMS} from c join p on c.p = p.id where f < 80", False),
    "rows in no order": (f"select {SUMS} from m join p on m.p = p.id where f < 9", False),
    "keys that are NULL": (f"select {SUMS} from n join p on n.p = p.id where f < 9", False),
}


@pytest.mark.parametrize("name", CASES)
def test_rows_of_few_keys(
    both: tuple[locality.Connection, duckdb.DuckDBPyConnection], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[bool] = []

    def recorded(*args):  # type: ignore[no-untyped-def]
        made = runs.left_runs(*args)
        found.append(made is not None)
        return made

    monkeypatch.setattr(source, "left_runs", recorded)
    monkeypatch.setattr(marks, "left_runs", recorded)
    con, oracle = both
    query, by_runs = CASES[name]
    for _ in range(2):
        result = con.sql(query)
        assert result.profile.engine == "locality", result.profile.reason
        assert Counter(result.fetchall()) == Counter(oracle.execute(query).fetchall())
    if by_runs is not None:
        assert any(found) == by_runs
