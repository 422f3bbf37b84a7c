"""When an engine has run a query often enough, and when a whole run has to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stopping:
    """Limits of a run; the first run of a query and a second to warm up come before hot runs and don't count as such.

    A query is asked of an engine until ``min_runs`` are done and ``budget`` seconds are spent, at most ``max_runs``
    times; what takes longer than ``patience`` seconds in all stops before ``min_runs``, and a second run that takes as
    long by itself is the only hot one. No run of a query may take longer than ``query_limit`` seconds, and after
    ``time_limit`` seconds of the whole run no query is asked again.
    """

    min_runs: int = 3
    max_runs: int = 25
    budget: float = 1.0
    patience: float = 4.0
    query_limit: float = 10.0
    time_limit: float = 150.0

    def wants_more(self, samples: Sequence[float]) -> bool:
        """Whether to run again after these seconds."""
        spent = sum(samples)
        if len(samples) < self.min_runs:
            return not samples or spent < self.patience
        return len(samples) < self.max_runs and spent < self.budget

    def remaining(self, samples: Sequence[float]) -> float:
        """About how many seconds of hot runs are still to come after these."""
        if not samples or not self.wants_more(samples):
            return 0.0
        mean = sum(samples) / len(samples)
        wanted = min(self.max_runs, max(self.min_runs, self.budget / mean))
        return max(0.0, wanted - len(samples)) * mean
