"""Locality answers every query over one table by itself, like DuckDB, and its ledger is plausible."""

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


@pytest.fixture(scope="module")
def reference(sources: dict[str, Source]) -> Iterator[Reference]:
    reference = Reference(sources, threads=1)
    yield reference
    reference.close()


@pytest.fixture(scope="module", params=[1, 2])
def engine(
    sources: dict[str, Source], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    engine = ENGINES["locality"](fakes.resources(tmp_path_factory.mktemp("locality"), request.param))
    for table, source in sources.items():
        engine.load_table(table, source)
    yield engine
    engine.close()


@pytest.mark.parametrize("query", SUITES["scan"].queries, ids=lambda query: query.name)
def test_locality_answers_natively(query: Query, engine: Engine, reference: Reference) -> None:
    result = engine.execute(query)
    found = brief(engine.answer(result))
    assert brief_difference(reference.answer(query, None), found, ordered=query.ordered, exact=True) is None
    ledger = engine.ledger(result)
    assert ledger is not None
    assert (ledger.engine, ledger.reason) == ("locality", None)
    assert 0 < ledger.bytes_minimum <= ledger.bytes_moved
    assert ledger.bytes_minimum < ledger.bytes_naive
    assert sum(ledger.touched.values()) > 0


def test_the_store_has_a_size(engine: Engine) -> None:
    assert (engine.stored_bytes() or 0) > 0


def test_tables_laid_out_for_their_queries_answer_them(
    data_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    suite = SUITES["tpch"]
    sources = suite.sources(SCALE)
    assert list(sources)[-1] == "lineitem"  # parents come first
    assert sources["lineitem"].parents["l_orderkey"] == "orders"
    engine = ENGINES["locality_advised"](fakes.resources(tmp_path_factory.mktemp("advised"), 2))
    for table, source in sources.items():
        engine.load_table(table, source)
    engine.finish_loading()
    reference = Reference(sources, threads=1)
    for query in suite.queries[:8]:
        result = engine.execute(query)
        found = brief(engine.answer(result))
        assert brief_difference(reference.answer(query, None), found, ordered=query.ordered, exact=True) is None
        ledger = engine.ledger(result)
        assert ledger is not None
        assert ledger.engine == "locality"
    reference.close()
    engine.close()
