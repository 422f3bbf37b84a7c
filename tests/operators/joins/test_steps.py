"""Pipelines that take tests and links in an order of their own, and links that have no column, against DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.operators import steps
from locality.operators.codegen.block import Block
from locality.operators.relations.links import Link

Both = tuple[locality.Connection, duckdb.DuckDBPyConnection]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    rng = np.random.default_rng(4)
    keys = rng.integers(0, 1 << 20, 9000) << 20
    a, b = rng.integers(-200, 5000, 9000), rng.integers(0, 500_000, 9000)
    few = np.flatnonzero(a % 50 == 0)
    tables = {
        "c": pa.table(
            {
                "k": keys,
                "j": keys >> 10,
                "r": keys / 8,
                "p": rng.integers(0, 1500, 9000),
                "w": rng.integers(0, 9, 9000),
                "a": pa.array(a, mask=rng.random(9000) < 0.1),
                "b": b,
            }
        ),
        "e": pa.table({"a": pa.array(a[few], mask=rng.random(len(few)) < 0.1), "b": b[few] + (few % 3 == 0)}),
        "p": pa.table({"id": np.arange(1000), "v": rng.integers(0, 99, 1000), "n": rng.integers(0, 20, 1000)}),
        "n": pa.table({"id": np.arange(5), "m": np.arange(5) * 7}),
        "h": pa.table({"k": keys[50:300], "j": keys[50:300] >> 10, "r": keys[40:290] / 8}),
        "s": pa.table({"k": keys[:3000]}),
        "u": pa.table({"k": keys[2000:6000]}),
    }
    path: Path = tmp_path_factory.mktemp("steps") / "s"
    with locality.connect(path) as con, duckdb.connect() as oracle:
        for name, table in tables.items():
            con.ingest(name, table)
            oracle.register(name, table)
        yield con, oracle


CASES = {
    "bits after slots": "c join p on c.p = p.id where exists (select 1 from s where s.k = c.k)",
    "slots twice": "c join p on c.p = p.id where exists (select 1 from s where s.k = c.k)"
    " and not exists (select 1 from u where u.k = c.k)",
    "a chain": "c join p on c.p = p.id join n on p.n = n.id where w > 2",
    "a chain with a test of its end": "c join p on c.p = p.id join n on p.n = n.id where m + w > 9",
    "a left link": "c left join p on c.p = p.id join n on c.w = n.id where v is null or v > 50",
    "a test between": "c join p on c.p = p.id join n on p.n = n.id and n.m > c.w where v + w < 40",
    "hints of words": "c join p on c.p = p.id where exists (select 1 from h where h.k = c.k)",
    "hints of numbers": "c join p on c.p = p.id where exists (select 1 from h where h.j = c.j) and w < 7",
    "hints of two words": "c join p on c.p = p.id where (c.k, c.r) in (select k, r from h where j > 5)",
    "hints of floats": "c join (select distinct r from h) h on h.r = c.r join p on c.p = p.id",
    "hints of a part": "c join p on c.p = p.id where (c.a, c.b) in (select a, b from e)",
    "hints of a part of two words": "c join p on c.p = p.id where (c.a, c.b << 40) in (select a, b << 40 from e)",
    "hints of a part in a join": "c join (select distinct a, b from e where b > 9) e using (a, b) join p on c.p = p.id",
    "no columns": "c join p on c.p = p.id, (select 1 from s limit 1) x, (select 2 from u limit 1) y",
    "no keys": "c join p on c.p = p.id where not exists (select 1 from s where s.k < 0) and exists (select 1 from u)",
}


@pytest.mark.parametrize("name", CASES)
def test_answers(both: Both, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    con, oracle = both
    hinted: list[Link] = []
    emit = steps.emit_hints_test

    def recorded(block: Block, link: Link) -> None:
        hinted.append(link)
        emit(block, link)

    monkeypatch.setattr(steps, "emit_hints_test", recorded)

    query = f"select count(*), sum(w), sum(v) from {CASES[name]}"
    result = con.sql(query)
    assert result.profile.engine == "locality", result.profile.reason
    assert result.fetchall() == oracle.execute(query).fetchall()
    assert bool(hinted) == name.startswith("hints")
    assert any(link.index and link.index.narrow for link in hinted) == name.startswith("hints of a part")
