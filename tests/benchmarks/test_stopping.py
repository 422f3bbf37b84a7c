"""When an engine has run a query often enough."""

from __future__ import annotations

import pytest

from locality._suites.benchmarks.stopping import Stopping


def test_between_the_least_and_the_most_runs() -> None:
    stopping = Stopping(min_runs=3, max_runs=5, budget=1.0, patience=8.0)
    assert stopping.wants_more([])
    assert stopping.wants_more([0.1])
    assert stopping.wants_more([1.5, 1.5])
    assert not stopping.wants_more([0.4] * 3)
    assert stopping.wants_more([0.1] * 4)
    assert not stopping.wants_more([0.1] * 5)


def test_what_takes_too_long_stops_early() -> None:
    stopping = Stopping(min_runs=3, max_runs=5, budget=1.0, patience=8.0)
    assert not stopping.wants_more([9.0])
    assert not stopping.wants_more([4.5, 4.5])


def test_what_remains() -> None:
    stopping = Stopping(min_runs=3, max_runs=20, budget=1.0, patience=8.0)
    assert stopping.remaining([0.1, 0.1]) == pytest.approx(0.8)
    assert stopping.remaining([0.01, 0.01]) == pytest.approx(0.18)
    assert stopping.remaining([0.6]) == pytest.approx(1.2)
    assert stopping.remaining([0.5] * 3) == 0
    assert stopping.remaining([]) == 0
