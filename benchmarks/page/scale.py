"""Logarithmic axes: places between 0 and 1, and ticks that people read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_STEPS = (1, 2, 5)
_MOST_TICKS = 8


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis; ``at`` is between 0 and 1."""

    at: float
    label: str


@dataclass(frozen=True)
class LogScale:
    """From ``low`` to ``high``, both positive and not equal."""

    low: float
    high: float

    @classmethod
    def around(cls, values: Iterable[float], *, margin: float = 1.15) -> LogScale:
        """The range of ``values``, of which there is at least one, and some room on both sides."""
        found = list(values)
        return cls(min(found) / margin, max(found) * margin)

    def at(self, value: float) -> float:
        """Where a value lies, 0 for ``low`` and 1 for ``high``; values beyond them lie at the ends."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return min(max(share, 0.0), 1.0)

    def ticks(self, label: Callable[[float], str]) -> list[Tick]:
        """Round values: 1, 2 and 5 times powers of ten where they fit, else powers of ten, else every few of them."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        fine = self._within(step * 10.0**power for power in powers for step in _STEPS)
        coarse = self._within(10.0**power for power in powers)
        chosen = fine if len(fine) <= _MOST_TICKS else coarse[:: math.ceil(len(coarse) / _MOST_TICKS)]
        return [Tick(self.at(value), label(value)) for value in chosen]

    def _within(self, values: Iterable[float]) -> list[float]:
        return [value for value in values if self.low <= value <= self.high]


def round_milliseconds(seconds: float) -> str:
    """The label of a round time: ``0.5``, ``20``, ``5,000``."""
    return f"{seconds * 1000:,.10g}"


def round_size(count: float) -> str:
    """The label of a round number of bytes: ``20 MB``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.4g} {unit}"
        count /= 1000
    return f"{count:,.4g} GB"
