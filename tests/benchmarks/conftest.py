"""Small TPC-H tables for all tests of the benchmarks, generated once."""

from __future__ import annotations

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
        SUITES["tpch"].sources(SCALE)
    return directory


@pytest.fixture(autouse=True)
def _use_data_directory(data_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALITY_DATA_DIR", str(data_directory))


@pytest.fixture(scope="session")
def sources(data_directory: Path) -> dict[str, Source]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALITY_DATA_DIR", str(data_directory))
        return SUITES["tpch"].sources(SCALE)
