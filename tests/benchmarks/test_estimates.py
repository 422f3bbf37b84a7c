"""Intervals and verdicts against what is known of their distributions."""

from __future__ import annotations

import random

import pytest

from locality._suites.benchmarks.estimates import geometric_mean, median_interval, ratio_of_medians


def test_geometric_mean() -> None:
    assert geometric_mean([]) is None
    assert geometric_mean([2, 8]) == pytest.approx(4)


def test_intervals_of_the_median_are_those_of_the_tables() -> None:
    assert median_interval([]) is None
    assert median_interval([3.0]) == (3.0, 3.0)
    assert median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0)
    # The ranks that tables of the sign test give at 95%: n = 6: 1 and 6; 9: 2 and 8; 15: 4 and 12; 20: 6 and 15.
    for n, low, high in ((6, 1, 6), (9, 2, 8), (15, 4, 12), (20, 6, 15)):
        assert median_interval(range(1, n + 1)) == (low, high)


def test_a_difference_is_told_from_noise() -> None:
    noise = random.Random(1)
    one, same = ([1 + noise.expovariate(10) for _ in range(15)] for _ in range(2))
    slower = [1.3 * sample for sample in same]
    unchanged = ratio_of_medians(one, same)
    assert unchanged.low < 1 < unchanged.high
    assert not unchanged.differs(by=0.05)
    changed = ratio_of_medians(one, slower)
    assert changed.low <= changed.value <= changed.high
    assert changed.value == pytest.approx(1.3, abs=0.1)
    assert changed.differs(by=0.05)
    assert ratio_of_medians(slower, one).differs(by=0.05)
    assert not changed.differs(by=0.5)


def test_two_samples_tell_nothing() -> None:
    found = ratio_of_medians([1.0, 1.0], [5.0] * 9)
    assert found.value == 5
    assert not found.differs(by=0.05)


def test_false_alarms_are_rare() -> None:
    noise = random.Random(2)
    alarms = 0
    for _ in range(100):
        one, same = ([1 + noise.expovariate(10) for _ in range(10)] for _ in range(2))
        alarms += ratio_of_medians(one, same).differs(by=0.02)
    assert alarms <= 3
