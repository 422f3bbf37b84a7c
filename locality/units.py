"""Figures as people read them."""

from __future__ import annotations


def byte_size(count: float) -> str:
    """``512 B``, ``47.9 MB``: decimal units, as storage is sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def quantity(count: int, noun: str) -> str:
    """``1 row``, ``1,234 rows``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def duration(seconds: float) -> str:
    """``1.52 ms``, ``2.31 s``."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.2f} ms"
