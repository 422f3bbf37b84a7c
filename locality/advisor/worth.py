"""What plans are worth: the work that they save, where no query may lose much by it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from locality.advisor.analysis import Analysis

#: Work more of a query that loses counts as so much less of one that gains; how many times its work none may pass.
LOSS = 3.0
_MOST = 1.1
#: How many times its work a query must have to count as one that loses.
_LOST = 1.02
#: The share of all work that a share of the store's bytes must save.
_DENSITY = 0.03


@dataclass(frozen=True)
class Worth:
    """today: the queries as they are, by which none may lose. now: as they are planned so far. stored: bytes."""

    today: Sequence[Analysis]
    now: Sequence[Analysis]
    stored: float

    @property
    def work(self) -> float:
        """Of a run of the workload so far."""
        return sum(analysis.weight * analysis.effort for analysis in self.now)

    def of(self, planned: Sequence[Analysis]) -> float:
        """Work that a run saves over what it takes now, losses counting more; -infinity if a query loses too much."""
        value = 0.0
        for first, before, after in zip(self.today, self.now, planned, strict=True):
            if after.effort > max(_MOST * first.effort, before.effort):
                return -math.inf
            saved = before.effort - after.effort
            value += after.weight * (saved if saved > 0 else LOSS * saved)
        return value

    def losers(self, planned: Sequence[Analysis]) -> list[Analysis]:
        """The queries that would take more than now."""
        return [b for a, b in zip(self.now, planned, strict=True) if b.effort > _LOST * a.effort]

    def pays(self, saved: float, size: float) -> bool:
        """Whether work that is saved is worth so many bytes of the store."""
        return saved * self.stored > _DENSITY * size * self.work
