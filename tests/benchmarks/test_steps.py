"""Every step of the suite ``rows`` gives the same answers, in the layout that it is named for."""

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

SUITE = SUITES["rows"]
STEPS = [name for name in (*SUITE.steps, "sqlite") if ENGINES[name].missing() is None]


@pytest.fixture(scope="module")
def data(data_directory: Path) -> dict[str, Source]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALITY_DATA_DIR", str(data_directory))
        return SUITE.sources(SCALE)


@pytest.fixture(scope="module")
def loaded(data: dict[str, Source], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Engine]]:
    engines = {name: ENGINES[name](fakes.resources(tmp_path_factory.mktemp(name))) for name in STEPS}
    for engine in engines.values():
        for table, source in data.items():
            engine.load_table(table, source)
        engine.finish_loading()
    yield engines
    for engine in engines.values():
        engine.close()


@pytest.fixture(scope="module")
def reference(data: dict[str, Source]) -> Iterator[Reference]:
    reference = Reference(data, threads=1)
    yield reference
    reference.close()


@pytest.mark.parametrize("query", SUITE.queries, ids=lambda query: query.name)
def test_every_step_gives_the_same_answer(query: Query, loaded: dict[str, Engine], reference: Reference) -> None:
    for name, engine in loaded.items():
        assert engine.answers(query)
        result = engine.execute(query)
        expected = reference.answer(query, engine.row_limit)
        assert expected
        found = brief(engine.answer(result))
        assert brief_difference(expected, found, ordered=query.ordered, exact=engine.exact) is None, name
        ledger = engine.ledger(result)
        assert (ledger is None) == (not name.startswith("locality"))
        assert ledger is None or (ledger.engine, ledger.reason) == ("locality", None)


def test_the_layouts_differ_in_how_far_values_lie_apart(loaded: dict[str, Engine]) -> None:
    bytes_of = {}
    for name in ("numba_rows", "numba_columns", "numba_narrow"):
        columns = loaded[name].tables["lineitem"].columns
        bytes_of[name] = (columns["l_discount"].itemsize, columns["l_discount"].strides[0])
    assert bytes_of["numba_rows"][0] == 8
    assert bytes_of["numba_rows"][1] > 100, "a whole row"
    assert bytes_of["numba_columns"] == (8, 8)
    assert bytes_of["numba_narrow"] == (1, 1)


def test_a_clustered_table_reads_less_for_a_filter(loaded: dict[str, Engine]) -> None:
    query = next(query for query in SUITE.queries if query.name == "filtered_sum")
    moved = []
    for name in ("locality", "locality_clustered"):
        ledger = loaded[name].ledger(loaded[name].execute(query))
        assert ledger is not None
        moved.append(ledger.bytes_moved)
    assert moved[1] < moved[0]


def test_objects_are_kept_by_their_key_for_one_query(loaded: dict[str, Engine]) -> None:
    parts = loaded["objects"].tables["part"]
    first = parts.get(1)
    assert parts.get(1) is first
    assert parts.get(-1) is None
    with pytest.raises(AttributeError):
        first.other = 1  # it has slots
    loaded["objects"].execute(SUITE.queries[0])
    assert parts.get(1) is not first
