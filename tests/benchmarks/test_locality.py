"""Locality answers every query over one table by itself, like DuckDB, and its ledger is plausible."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from locality._suites.benchmarks.comparison import difference
from locality._suites.benchmarks.engines import ENGINES, Engine
from locality._suites.benchmarks.model import Query, Source
from locality._suites.benchmarks.reference import Reference
from locality._suites.benchmarks.suites import SUITES


@pytest.fixture(scope="module")
def reference(sources: dict[str, Source]) -> Iterator[Reference]:
    reference = Reference(sources, threads=1)
    yield reference
    reference.close()


@pytest.fixture(scope="module", params=[1, 2])
def engine(
    sources: dict[str, Source], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    engine = ENGINES["locality"](request.param, tmp_path_factory.mktemp("locality"))
    for table, source in sources.items():
        engine.load_table(table, source)
    yield engine
    engine.close()


@pytest.mark.parametrize("query", SUITES["scan"].queries, ids=lambda query: query.name)
def test_locality_answers_natively(query: Query, engine: Engine, reference: Reference) -> None:
    answer = engine.run(query)
    assert difference(reference.answer(query, None), answer.rows, ordered=query.ordered, exact=True) is None
    ledger = answer.ledger
    assert ledger is not None
    assert (ledger.engine, ledger.reason) == ("locality", None)
    assert 0 < ledger.bytes_minimum <= ledger.bytes_moved
    assert ledger.bytes_minimum < ledger.bytes_naive


def test_the_store_has_a_size(engine: Engine) -> None:
    assert (engine.stored_bytes() or 0) > 0
