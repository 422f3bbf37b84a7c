"""Groups that a join has told already, against DuckDB; and groupings that only look as if it had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.operators.aggregation import aggregate
from locality.operators.aggregation.matched import MatchedGroups

ROWS = 8000


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[locality.Connection, duckdb.DuckDBPyConnection]]:
    rng = np.random.default_rng(8)
    ids = rng.permutation(900) * 1000
    real = rng.choice([0.0, -0.0, 1.5, 2.5], ROWS)
    tables = {
        "c": pa.table(
            {
                "p": rng.integers(0, 1000, ROWS) * 1000,
                "q": rng.integers(0, 70_000, ROWS) * 7,
                "k": rng.integers(0, 400, ROWS) << 34,
                "r": real,
                "t": pa.array([f"key {i}" for i in rng.integers(0, 5000, ROWS)]),
                "v": pa.array(rng.integers(-50, 50, ROWS), mask=rng.random(ROWS) < 0.1),
            }
        ),
        "p": pa.table({"id": ids, "n": rng.integers(0, 30, 900), "s": [f"name {i % 77}" for i in range(900)]}),
        "s": pa.table(
            {"k": rng.integers(0, 300, 2000) << 34, "p": rng.integers(0, 500, 2000) * 1000, "w": ids[:1].repeat(2000)}
        ),
        "y": pa.table(
            {
                "id": rng.permutation(40),
                "z": rng.integers(0, 9, 40),
                "r": [1.5] * 40,
                "s": [f"y {i % 9}" for i in range(40)],
            }
        ),
        "z": pa.table({"id": [7, 3, 5, 1, 0, 2, 4], "name": list("gceabfd")}),
        "d": pa.table({"r": [0.0, 2.5], "n": [1, 2]}),
        "t": pa.table({"t": pa.array([f"key {i}" for i in range(0, 5000, 3)])}),
    }
    path: Path = tmp_path_factory.mktemp("matched") / "s"
    with locality.connect(path, threads=2) as con, duckdb.connect() as oracle:
        for name, table in tables.items():
            con.ingest(name, table)
            oracle.register("given", table)
            oracle.execute(f"create table {name} as from given")  # DuckDB 1.5 filters Arrow data without -0.0
        yield con, oracle


TWO_MORE = "c join p on c.p = p.id join y on p.n = y.id join z on y.z = z.id"
SUMS = "count(*) as n, sum(v) as total, min(v) as least"
#: A query, and whether its groups are told by a join.
CASES = {
    "the key": (f"select c.p, {SUMS} from c join p on c.p = p.id where p.n < 20 group by c.p", True),
    "the other key": (f"select id, {SUMS} from c join p on c.p = p.id where p.n < 20 group by id", True),
    "the key and more": (f"select c.p, p.n, p.s, {SUMS} from c join p on c.p = p.id group by c.p, p.n, p.s", True),
    "no key": (f"select p.n, p.s, c.q, {SUMS} from c join p on c.p = p.id group by p.n, p.s, c.q", False),
    "a key and another column": (f"select c.p, c.q, {SUMS} from c join p on c.p = p.id group by c.p, c.q", False),
    "half of the key": (
        f"select c.p, {SUMS} from c join (select distinct p, k from s) s on c.p = s.p and c.k = s.k group by c.p",
        False,
    ),
    "both halves": (
        f"select c.p, c.k, {SUMS} from c join (select distinct p, k from s) s using (p, k) group by c.p, c.k",
        True,
    ),
    "any of several": (f"select c.p, {SUMS} from c where c.p in (select p from s) group by c.p", True),
    "any of several that are spread": (f"select c.k, {SUMS} from c where c.k in (select k from s) group by c.k", True),
    "any for which more holds": (
        f"select c.p, {SUMS} from c where exists (select 1 from s where s.p = c.p and s.w <> c.q) group by c.p",
        None,
    ),
    "a key and what it leads to": (
        f"select c.p, z.name, y.id, {SUMS} from {TWO_MORE} group by c.p, z.name, y.id",
        True,
    ),
    "what a key leads to alone": (
        f"select y.id, p.s, z.name, {SUMS} from {TWO_MORE} group by y.id, p.s, z.name",
        False,
    ),
    "a key and what it and more lead to": (
        f"select c.p, y.s, {SUMS} from c join p on c.p = p.id join y on p.n = y.id and c.r = y.r group by c.p, y.s",
        False,
    ),
    "floats": (f"select c.r, c.q, {SUMS} from c join d on c.r = d.r group by c.r, c.q", False),
    "free text": (f"select c.t, {SUMS} from c where c.t in (select t from t) group by c.t", None),
    "nothing": (f"select c.p, {SUMS} from c join p on c.p = p.id where p.n < 0 group by c.p", None),
    "rows without a match": (f"select c.p, p.n, {SUMS} from c left join p on c.p = p.id group by c.p, p.n", False),
    "a few of the groups": (
        f"select c.p, p.s, {SUMS} from c join p on c.p = p.id group by c.p, p.s having sum(v) > 60",
        True,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_groups(
    both: tuple[locality.Connection, duckdb.DuckDBPyConnection], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[MatchedGroups | None] = []
    plan = aggregate.plan_matched

    def recorded(*args):  # type: ignore[no-untyped-def]
        planned.append(plan(*args))
        return planned[-1]

    monkeypatch.setattr(aggregate, "plan_matched", recorded)
    con, oracle = both
    query, told = CASES[name]
    for _ in range(2):
        result = con.sql(query)
        assert result.profile.engine == "locality", result.profile.reason
        assert Counter(result.fetchall()) == Counter(oracle.execute(query).fetchall())
    if told is not None:
        assert any(planned) == told
