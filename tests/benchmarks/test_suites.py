"""Every query over TPC-H's data: its SQL, its SQLite text and its naive loop say the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from locality._suites.benchmarks.comparison import brief_difference
from locality._suites.benchmarks.digest import brief
from locality._suites.benchmarks.engines import ENGINES, Engine
from locality._suites.benchmarks.model import Query, Source
from locality._suites.benchmarks.reference import Reference
from locality._suites.benchmarks.suites import SUITES

from . import fakes
from .conftest import SCALE

SCAN = SUITES["scan"]
QUERIES = [query for suite in ("tpch", "scan") for query in SUITES[suite].queries]
PEERS = ("duckdb", "sqlite", "naive")


@pytest.fixture(scope="module")
def reference(sources: dict[str, Source]) -> Iterator[Reference]:
    reference = Reference(sources, threads=1)
    yield reference
    reference.close()


@pytest.fixture(scope="module")
def engines(sources: dict[str, Source], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Engine]]:
    loaded = {}
    for name in PEERS:
        loaded[name] = ENGINES[name](fakes.resources(tmp_path_factory.mktemp(name)))
        for table, source in sources.items():
            loaded[name].load_table(table, source)
        loaded[name].finish_loading()
    yield loaded
    for engine in loaded.values():
        engine.close()


@pytest.mark.parametrize(
    ("peer", "query"),
    [(peer, query) for peer in PEERS for query in QUERIES if peer in query.programs or peer != "naive"],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_engine_agrees_with_the_reference(
    peer: str, query: Query, engines: dict[str, Engine], reference: Reference
) -> None:
    engine = engines[peer]
    assert engine.answers(query)
    expected = reference.answer(query, engine.row_limit)
    assert expected, "an empty answer proves nothing"
    found = brief(engine.answer(engine.execute(query)))
    assert brief_difference(expected, found, ordered=query.ordered, exact=engine.exact) is None


@pytest.mark.parametrize(
    "query", [query for query in QUERIES if "naive" in query.programs], ids=lambda query: query.name
)
def test_naive_loop_agrees_over_the_first_rows(
    query: Query, sources: dict[str, Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: Reference
) -> None:
    monkeypatch.setattr(ENGINES["naive"], "row_limit", 1000)
    naive = ENGINES["naive"](fakes.resources(tmp_path))
    for table in query.tables:
        naive.load_table(table, sources[table])
    rows = brief(naive.answer(naive.execute(query)))
    naive.close()
    assert brief_difference(reference.answer(query, 1000), rows, ordered=query.ordered, exact=True) is None
    extrapolation = naive.extrapolation(query, sources)
    assert extrapolation is not None
    assert extrapolation.measured_rows == 1000
    assert extrapolation.factor == sum(sources[table].rows for table in query.tables) / 1000


def test_names_are_unique_and_tables_known() -> None:
    for suite, count in (("tpch", 22), ("scan", 10)):
        queries = SUITES[suite].queries
        assert len({query.name for query in queries}) == len(queries) == count
        assert {table for query in queries for table in query.tables} <= set(SUITES[suite].keys)


def test_tpch_reads_the_tables_that_its_texts_name() -> None:
    tables = {query.name: query.tables for query in SUITES["tpch"].queries}
    assert tables["q02"] == ("region", "nation", "supplier", "part", "partsupp")
    assert tables["q06"] == ("lineitem",)
    assert {table for names in tables.values() for table in names} == set(SUITES["tpch"].keys)


def test_sources_name_the_columns_in_use() -> None:
    sources = SCAN.sources(SCALE)
    assert set(sources) == {"lineitem", "orders", "customer", "part"}
    assert sources["part"].used == ("p_brand", "p_type", "p_size", "p_container", "p_retailprice")
    assert sources["part"].key == ("p_partkey",)
    assert sources["part"].rows == 2000


def test_sqlite_does_not_scale_the_time_of_an_indexed_query(
    sources: dict[str, Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ENGINES["sqlite"]
    monkeypatch.setattr(engine, "row_limit", 6000)
    factors = {}
    for query in SCAN.queries:
        found = engine.extrapolation(query, sources)
        factors[query.name] = found.factor if found else None
    assert factors["one_order"] == 1.0
    assert factors["top_lines"] == sources["lineitem"].rows / 6000
    assert factors["brass_catalogue"] is None
