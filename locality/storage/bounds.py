"""Values as bounds: what the minimum and maximum of a column may be, and how two of them compare."""

from __future__ import annotations

Value = int | float | bytes
"""A comparable value; those of one column are all numbers, or all bytes."""


def at_most(left: Value, right: Value) -> bool:
    """Whether ``left <= right``; raises TypeError for a number and bytes, which no column has both of."""
    match left:
        case bytes():
            if isinstance(right, bytes):
                return left <= right
        case _:
            if not isinstance(right, bytes):
                return left <= right
    raise TypeError(f"{left!r} and {right!r} do not compare")
