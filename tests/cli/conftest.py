"""A source and a store that commands may read, and what a command says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from locality.cli.main import run

ROWS = 70_000


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "numbers.parquet"
    table = pa.table({"i": range(ROWS), "s": [f"s{i % 7}" for i in range(ROWS)], "d": [i / 4 for i in range(ROWS)]})
    pq.write_table(table, path)
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    path = tmp_path_factory.mktemp("store") / "numbers.locality"
    assert run(["ingest", str(path), "numbers", str(source), "--quiet"]) == 0
    return path


Output = Callable[..., tuple[int, str, str]]


@pytest.fixture
def output(capfd: pytest.CaptureFixture[str]) -> Output:
    """Runs a command in this process: its status, standard output and standard error."""

    def outcome(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        status = run([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return outcome
