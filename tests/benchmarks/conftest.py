"""Small TPC-H tables for all tests of the benchmarks, generated once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from locality._suites.benchmarks.model import Source
from locality._suites.benchmarks.suites import SUITES

SCALE = 0.01


@pytest.fixture(scope="session")
def data_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALITY_DATA_DIR", str(directory))
        SUITES["tpch"].sources(SCALE)  # every table
    return directory


@pytest.fixture(autouse=True)
def _unfrozen() -> Iterator[None]:
    """An engine's process freezes its garbage; one that is played within that of the tests must not, for the others."""
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _use_data_directory(data_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALITY_DATA_DIR", str(data_directory))


@pytest.fixture(scope="session")
def sources(data_directory: Path) -> dict[str, Source]:
    """Every table, with the columns that any suite uses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALITY_DATA_DIR", str(data_directory))
        tables, more = SUITES["tpch"].sources(SCALE), SUITES["scan"].sources(SCALE)
    return {
        name: replace(source, used=tuple(dict.fromkeys((*source.used, *more[name].used)))) if name in more else source
        for name, source in tables.items()
    }
