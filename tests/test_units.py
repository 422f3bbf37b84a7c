"""Numbers as people read them."""

from __future__ import annotations

import pytest

from locality.units import byte_size, duration, quantity


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (47_900_000, "47.9 MB"),
        (999_499_999, "999.5 MB"),
        (1_000_000_000, "1.0 GB"),
        (5e12, "5.0 TB"),
        (5e15, "5000.0 TB"),
    ],
)
def test_byte_sizes(count: float, text: str) -> None:
    assert byte_size(count) == text


def test_quantities_have_their_plural() -> None:
    assert [quantity(count, "row") for count in (0, 1, 2, 1234567)] == ["0 rows", "1 row", "2 rows", "1,234,567 rows"]


def test_durations() -> None:
    assert [duration(seconds) for seconds in (0.00152, 0.25, 1.0, 61.239)] == [
        "1.52 ms",
        "250.00 ms",
        "1.00 s",
        "61.24 s",
    ]
