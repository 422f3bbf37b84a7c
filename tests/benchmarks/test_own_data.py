"""Every query over this project's own data: Locality by itself, DuckDB, SQLite and a plain loop say the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from locality._suites.benchmarks.comparison import brief_difference
from locality._suites.benchmarks.digest import brief
from locality._suites.benchmarks.engines import ENGINES, Engine
from locality._suites.benchmarks.model import Query
from locality._suites.benchmarks.reference import Reference
from locality._suites.benchmarks.suites import SUITES

from . import fakes

SCALES = {"billing": 0.0003, "dashboard": 0.005, "groupby": 0.0003, "join": 0.0003}
PEERS = ("locality", "duckdb", "sqlite", "naive", "objects")


class Field:
    """One suite's data in every engine that is asked."""

    def __init__(self, suite: str, directory: Path) -> None:
        self._sources = SUITES[suite].sources(SCALES[suite])
        self._directory = directory
        self._engines: dict[str, Engine] = {}
        self.reference = Reference(self._sources, threads=1)

    def engine(self, name: str) -> Engine:
        if name not in self._engines:
            directory = self._directory / name
            directory.mkdir()
            engine = self._engines[name] = ENGINES[name](fakes.resources(directory))
            for table, source in self._sources.items():
                engine.load_table(table, source)
            engine.finish_loading()
        return self._engines[name]

    def close(self) -> None:
        for engine in self._engines.values():
            engine.close()
        self.reference.close()


@pytest.fixture(scope="module")
def fields(data_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Field]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALITY_DATA_DIR", str(data_directory))
        made = {suite: Field(suite, tmp_path_factory.mktemp(suite)) for suite in SCALES}
    yield made
    for field in made.values():
        field.close()


@pytest.mark.parametrize(
    ("suite", "query"),
    [(suite, query) for suite in SCALES for query in SUITES[suite].queries],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_engines_agree_and_locality_answers_by_itself(suite: str, query: Query, fields: dict[str, Field]) -> None:
    field = fields[suite]
    parameters = tuple(query.parameters(1)) if query.parameters else ()
    expected = field.reference.answer(query, None, parameters)
    assert expected, "an empty answer proves nothing"
    for name in PEERS:
        engine = field.engine(name)
        if not engine.answers(query):
            assert name in ("sqlite", "objects")
            continue
        result = engine.execute(query, parameters)
        found = brief(engine.answer(result))
        assert brief_difference(expected, found, ordered=query.ordered, exact=engine.exact) is None, name
        ledger = engine.ledger(result)
        if ledger is not None:
            assert (ledger.engine, ledger.reason) == ("locality", None)
            assert 0 < ledger.bytes_minimum <= ledger.bytes_moved
