"""Times, sizes and ratios as people read them."""

from __future__ import annotations

_NONE = "-"


def milliseconds(seconds: float | None) -> str:
    """Milliseconds with about three digits: ``0.42``, ``18.3``, ``5,310``; ``-`` for None."""
    return _NONE if seconds is None else _three_digits(seconds * 1000)


def duration(seconds: float) -> str:
    """Seconds for people: ``0.4 s``, ``75 s``."""
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:,.0f} s"


def times(ratio: float | None) -> str:
    """A ratio with about three digits: ``0.85x``, ``12.4x``, ``3,120x``; ``-`` for None."""
    return _NONE if ratio is None else f"{_three_digits(ratio)}x"


def data_size(count: int | None) -> str:
    """Bytes in decimal units: ``640 B``, ``48.2 MB``; ``-`` for None."""
    if count is None:
        return _NONE
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{_three_digits(size)} {unit}"
        size /= 1000
    return f"{_three_digits(size)} TB"


def _three_digits(value: float) -> str:
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"
