"""The bandwidth figure is measured once, kept, and survives a damaged or unwritable cache."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from locality.runtime import bandwidth


@pytest.fixture
def measurements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A private cache directory, and a measurement that notes its calls and gives 1e9 bytes a second a thread."""
    calls: list[int] = []

    def measure(threads: int) -> float:
        calls.append(threads)
        return 1e9 * threads

    monkeypatch.setenv("LOCALITY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(bandwidth, "measure_read_bandwidth", measure)
    bandwidth.measured_read_bandwidth.cache_clear()
    yield calls
    bandwidth.measured_read_bandwidth.cache_clear()


def ask(threads: int) -> float:
    """The figure as a new process would get it."""
    bandwidth.measured_read_bandwidth.cache_clear()
    return bandwidth.measured_read_bandwidth(threads)


def test_it_is_measured_once_for_each_number_of_threads(measurements: list[int]) -> None:
    assert [ask(1), ask(2), ask(1), ask(2)] == [1e9, 2e9, 1e9, 2e9]
    assert measurements == [1, 2]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"x": "y"}', '{"x": -1}', "\x00\xff"])
def test_a_damaged_cache_is_measured_anew(measurements: list[int], tmp_path: Path, content: str) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "bandwidth.json").write_text(content, encoding="utf-8")
    assert [ask(1), ask(1)] == [1e9, 1e9]
    assert measurements == [1]


def test_a_cache_that_cant_be_written_costs_a_measurement_only(measurements: list[int], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the directory should be")
    assert [ask(2), ask(2)] == [2e9, 2e9]
    assert measurements == [2, 2]


def test_the_file_holds_plain_figures(measurements: list[int], tmp_path: Path) -> None:
    ask(2)
    stored = json.loads((tmp_path / "cache" / "bandwidth.json").read_text(encoding="utf-8"))
    assert list(stored.values()) == [2e9]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["bandwidth.json"]


def test_a_measurement_sums_the_whole_array() -> None:
    assert bandwidth.measure_read_bandwidth(2, array_bytes=8 * 2**20, runs=1) > 0
