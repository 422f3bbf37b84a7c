"""Interval arithmetic over integers: what a value can be, proven from statistics, types and constants.

The proofs choose accumulators, drop overflow checks and bound the domain of group keys. Bounds are inclusive Python
integers and so never overflow themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Interval:
    """All integers from ``low`` to ``high``, both included."""

    low: int
    high: int

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Interval) -> Interval:
        return Interval(self.low - other.high, self.high - other.low)

    def __mul__(self, other: Interval) -> Interval:
        corners = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(corners), max(corners))

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __or__(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def __contains__(self, value: int) -> bool:
        return self.low <= value <= self.high

    def within(self, low: int, high: int) -> bool:
        """Whether every value lies from ``low`` to ``high``."""
        return low <= self.low and self.high <= high

    def clamp(self, low: int, high: int) -> Interval:
        """The part from ``low`` to ``high``; an empty part collapses to the nearer end."""
        return Interval(min(max(self.low, low), high), max(min(self.high, high), low))

    @property
    def fits_int64(self) -> bool:
        return self.within(INT64_MIN, INT64_MAX)

    @property
    def size(self) -> int:
        """How many integers it holds."""
        return self.high - self.low + 1

    @property
    def magnitude(self) -> int:
        """The greatest absolute value."""
        return max(abs(self.low), abs(self.high))


def enclosing(parts: Sequence[Interval | None]) -> Interval | None:
    """The smallest interval that holds all parts, at least one; None where nothing is known of one of them."""
    total = parts[0]
    for part in parts[1:]:
        total = None if total is None or part is None else total | part
    return total


INT64 = Interval(INT64_MIN, INT64_MAX)
BOOLEAN = Interval(0, 1)
