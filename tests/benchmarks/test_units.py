from __future__ import annotations

import pytest

from locality._suites.benchmarks import units


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0.000_42, "0.42"), (0.0183, "18.3"), (0.2, "200"), (5.31, "5,310")]
)
def test_milliseconds(seconds: float | None, text: str) -> None:
    assert units.milliseconds(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.44, "0.4 s"), (74.9, "75 s")])
def test_duration(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


@pytest.mark.parametrize(("ratio", "text"), [(None, "-"), (0.853, "0.85x"), (12.44, "12.4x"), (3120.4, "3,120x")])
def test_times(ratio: float | None, text: str) -> None:
    assert units.times(ratio) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "-"), (0, "0 B"), (640, "640 B"), (48_200_000, "48.2 MB"), (1_234, "1.23 kB"), (5 * 10**12, "5.00 TB")],
)
def test_data_size(count: int | None, text: str) -> None:
    assert units.data_size(count) == text
