"""TPC-H's 22 queries: DuckDB's values, types, names and order, by Locality's own operators.

LOCALITY_TPCH_SCALE sets another scale; ``python -m tests.tpch.scale`` measures time and memory as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow.compute as pc
import pytest

import locality._suites.benchmarks as benchmarks
from locality._suites.datasets.tpch import ensure_tables
from tests.properties.oracle import Pair

#: Large enough for every query to find something (q17 is NULL at 0.01) and for tables of several zones.
SCALE = float(os.environ.get("LOCALITY_TPCH_SCALE", "0.1"))
QUERIES = sorted((Path(benchmarks.__file__).parent / "suites" / "tpch" / "queries").glob("q*.sql"))


@pytest.fixture(scope="module", params=[1, 2], ids=["one thread", "two threads"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALITY_DATA_DIR", str(tmp_path_factory.getbasetemp() / "tpch"))
        paths = ensure_tables(SCALE)
    with Pair(threads=request.param) as made:
        for name, path in paths.items():
            made.locality.ingest(name, path)
            made.duckdb.execute(f"create table {name} as from read_parquet(?)", [str(path)])
        yield made


def test_there_are_22_queries() -> None:
    assert [path.stem for path in QUERIES] == [f"q{number:02}" for number in range(1, 23)]


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_query(path: Path, pair: Pair) -> None:
    sql = path.read_text(encoding="utf-8")
    profile = pair.check(sql, ordered=True, engine=None)
    answer = pair.ask_duckdb(sql).table
    assert answer.num_rows > 0, "an empty answer proves nothing"
    assert all(pc.count(column).as_py() > 0 for column in answer.columns)
    assert profile.engine == "locality", profile.reason
