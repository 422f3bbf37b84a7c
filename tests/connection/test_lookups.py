"""Queries that lookups answer, against DuckDB: after appends, changes, merges of small segments, and rewrites."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.errors import CorruptStoreError
from locality.storage.ingest import tail

ROWS = 24_000
QUERIES = [
    "select * from t where {0} = {1} order by all",
    "select count(*), sum(id), min(place) from t where {0} between {1} and {1} + 90",
    "select id, {0} from t where {0} in ({1}, {1} + 3, -1) order by all",
    "select {0}, id from t where {0} >= {1} order by {0}, id limit 5",
    "select {0}, id from t order by {0} desc nulls last, id limit 4",
    "select count(*), sum(id) from t where {0} is not distinct from null",
]


def rows(first: int, count: int) -> pa.Table:
    """Rows in the order of their ids, and of what follows from them, which places them at random."""
    rng = np.random.default_rng(first)
    ids = np.arange(first, first + count) * 3
    floats = ids / 2
    floats[rng.random(count) < 0.1] = np.nan
    return pa.table(
        {
            "id": ids,
            "maybe": pa.array(ids + 7, mask=rng.random(count) < 0.3),
            "half": pa.array(floats, mask=rng.random(count) < 0.1),
            "cents": pa.array(ids, pa.int64()).cast(pa.decimal128(19, 0)).cast(pa.decimal128(15, 2)),
            "place": rng.integers(0, 1000, count),
        }
    )


@pytest.fixture
def connections(tmp_path: Path) -> Iterator[tuple[locality.Connection, duckdb.DuckDBPyConnection]]:
    source = rows(0, ROWS)
    with locality.connect(tmp_path / "s", threads=1) as ours, duckdb.connect() as theirs:
        ours.ingest("t", source)
        theirs.from_arrow(source).create("t")
        ours.optimize("t", order="place")
        assert any(segment.lookups for segment in ours._store.snapshot().entries["t"].primary.segments)
        yield ours, theirs


def check(ours: locality.Connection, theirs: duckdb.DuckDBPyConnection) -> None:
    values = [7, 3 * (ROWS // 2), 3 * ROWS]
    asked = [(column, value) for column in ("id", "maybe", "half", "cents") for value in values]
    asked += [("half", "'nan'::double")]
    for column, value in asked:
        for query in QUERIES:
            sql = query.format(column, value)
            result = ours.sql(sql)
            assert result.profile.engine == "locality", sql
            assert repr(result.fetchall()) == repr(theirs.execute(sql).fetchall()), sql


def test_answers_are_duckdbs_whatever_happens_to_the_table(
    connections: tuple[locality.Connection, duckdb.DuckDBPyConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = connections
    check(ours, theirs)
    monkeypatch.setattr(tail, "FANOUT", 3)
    for step in range(4):
        more = rows(ROWS + 500 * step, 500)
        theirs.execute("insert into t from more")
        ours.ingest("t", more, mode="append")
    for sql in (
        "delete from t where id % 30 = 6",
        "update t set maybe = null, half = 'nan' where id between 90 and 120",
    ):
        theirs.execute(sql)
        ours.sql(sql)
    assert len(ours._store.snapshot().entries["t"].primary.segments) < 5
    check(ours, theirs)
    ours.compact("t")
    check(ours, theirs)
    ours.verify()


@pytest.mark.parametrize("size", [None, 0, 1000, -1], ids=["missing", "empty", "cut", "flipped"])
def test_a_damaged_lookup_is_done_without_and_mended(
    connections: tuple[locality.Connection, duckdb.DuckDBPyConnection], tmp_path: Path, size: int | None
) -> None:
    sql = "select id, cents from t where id = 300"
    (path,) = (tmp_path / "s").rglob("*.lookups.arrow")
    content = bytearray(path.read_bytes())
    path.unlink()
    if size is not None:
        content[2000] ^= 16
        path.write_bytes(content[:size] if size >= 0 else content)
    with locality.connect(tmp_path / "s", threads=1) as again:
        if size is None or size >= 0:
            with pytest.warns(UserWarning, match=f"{path.name}.*--repair"):
                assert again.sql(sql).fetchall() == connections[1].execute(sql).fetchall()
        with pytest.raises(CorruptStoreError, match=path.name):
            again.verify()
        assert again.verify(repair=True).repaired == ("lookups of table 't'",)
        (segment,) = again._store.snapshot().entries["t"].primary.segments
        assert segment.lookups is not None
        assert again.sql(sql).fetchall() == connections[1].execute(sql).fetchall()
        again.verify()
