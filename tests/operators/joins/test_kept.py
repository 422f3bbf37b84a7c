"""Indexes of stored tables serve the next query, as long as their rows are those of the snapshot and there is room."""

from __future__ import annotations

import gc
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import locality
from locality.operators.joins import source
from locality.operators.relations import relation
from locality.operators.relations.kept import KeptResults

QUERY = "select sum(p.v * c.w) as total, count(*) as n from c join p on c.p = p.id and c.q = p.part where c.w < {}"


def parents(rows: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table({"id": rng.permutation(rows), "part": rng.integers(0, 3, rows), "v": rng.integers(0, 99, rows)})


def children(rows: int) -> pa.Table:
    rng = np.random.default_rng(9)
    return pa.table({"p": rng.integers(0, 700, rows), "q": rng.integers(0, 3, rows), "w": rng.integers(0, 50, rows)})


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> KeptResults:
    fresh = KeptResults()
    monkeypatch.setattr(source, "KEPT", fresh)
    return fresh


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of each index that was built."""
    rows: list[int] = []
    build = source.index_rows

    def counted(columns, *rest):  # type: ignore[no-untyped-def]
        rows.append(columns[0].length)
        return build(columns, *rest)

    monkeypatch.setattr(source, "index_rows", counted)
    return rows


def test_other_queries_find_the_index_until_the_table_changes(
    tmp_path: Path, kept: KeptResults, built: list[int]
) -> None:
    with locality.connect(tmp_path / "s") as con:
        tables = {"p": parents(500, 1), "c": children(3000)}
        for name, table in tables.items():
            con.ingest(name, table)
        check(con, tables, 40)
        check(con, tables, 30)
        assert built == [500]
        tables["p"] = parents(600, 2)
        con.ingest("p", tables["p"], mode="replace")
        check(con, tables, 30)
        more = pa.table({"id": np.arange(600, 700), "part": np.zeros(100, np.int64), "v": np.arange(100)})
        con.ingest("p", more, mode="append")
        tables["p"] = pa.concat_tables([tables["p"], more])
        check(con, tables, 30)
        check(con, tables, 40)
        assert built == [500, 600, 700]
        assert kept.nbytes > 0


def test_the_index_of_the_rows_that_are_left_is_kept_until_others_go(
    tmp_path: Path, kept: KeptResults, built: list[int]
) -> None:
    """Deleted rows lie where they lay, and have no key; of each column one index is kept."""
    with locality.connect(tmp_path / "s") as con:
        tables = {"p": parents(500, 1), "c": children(3000)}
        for name, table in tables.items():
            con.ingest(name, table)
        check(con, tables, 40)
        one = kept.nbytes
        for first in (100, 200, 300):
            con.sql("delete from p where id < ?", [first])
            tables["p"] = tables["p"].filter(pc.field("id") >= first)
            check(con, tables, 40)
            check(con, tables, 30)
        assert built == [500] * 4
        assert kept.nbytes < 2 * one + 4096


def test_columns_in_several_segments_are_brought_together_once(
    tmp_path: Path, kept: KeptResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined: list[int] = []
    concat = relation.concat

    def counted(columns):  # type: ignore[no-untyped-def]
        joined.append(len(columns))
        return concat(columns)

    monkeypatch.setattr(relation, "concat", counted)
    with locality.connect(tmp_path / "s") as con:
        tables = {"p": parents(500, 1), "c": children(3000)}
        for name, table in tables.items():
            con.ingest(name, table)
        for first in (500, 600):
            more = pa.table({"id": np.arange(first, first + 100), "part": [1] * 100, "v": np.arange(100)})
            con.ingest("p", more, mode="append")
            tables["p"] = pa.concat_tables([tables["p"], more])
            check(con, tables, 40)
            several = joined.count(2) + joined.count(3)
            assert several
            check(con, tables, 30)
            assert joined.count(2) + joined.count(3) == several


def check(con: locality.Connection, tables: dict[str, pa.Table], limit: int) -> None:
    """The answer is DuckDB's over the same tables."""
    with duckdb.connect() as oracle:
        for name, table in tables.items():
            oracle.register(name, table)
        result = con.sql(QUERY.format(limit))
        assert result.profile.engine == "locality", result.profile.reason
        assert result.fetchall() == oracle.execute(QUERY.format(limit)).fetchall()


def test_indexes_are_forgotten_with_their_tables(tmp_path: Path, kept: KeptResults) -> None:
    def ask() -> None:
        with locality.connect(tmp_path / "s") as con:
            con.ingest("p", parents(500, 1))
            con.ingest("c", children(300))
            assert con.sql(QUERY.format(40)).profile.engine == "locality"
        assert kept.nbytes > 0

    ask()
    gc.collect()
    assert kept.nbytes == 0


def test_indexes_make_room(tmp_path: Path, kept: KeptResults, built: list[int]) -> None:
    with locality.connect(tmp_path / "s", memory_limit=1 << 20) as con:
        for name in ("p", "r"):
            con.ingest(name, parents(20_000, 1))
        con.ingest("c", children(3000))
        for name in ("p", "p", "r", "p"):
            result = con.sql(QUERY.format(40).replace("join p on", f"join {name} p on"))
            assert result.profile.engine == "locality", result.profile.reason
            assert kept.nbytes <= 1 << 17
    assert built == [20_000, 20_000, 20_000]
