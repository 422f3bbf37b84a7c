"""What samples of a time tell: the median, how sure it is, and whether two of them differ by more than noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LEAST_SAMPLES = 3
_RESAMPLES = 2000
_SEED = 20_240_229
"""Fixed, so that the same record gives the same verdict."""


def geometric_mean(values: Sequence[float]) -> float | None:
    """The geometric mean of positive values; None if there are none."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def median_interval(samples: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """An interval that holds the median with this confidence; None without samples.

    By order statistics (Conover, Practical Nonparametric Statistics, 3.2), which assume nothing about the noise: of n
    samples the number below the median is binomial. Five samples or fewer can't give 95%: it is their range then.
    """
    if not samples:
        return None
    ordered, n = sorted(samples), len(samples)
    below, tail = 0.0, 0
    while tail < n // 2:
        below += math.comb(n, tail) / 2**n
        if below > (1 - confidence) / 2:
            break
        tail += 1
    left_out = max(0, tail - 1)
    return ordered[left_out], ordered[n - 1 - left_out]


@dataclass(frozen=True)
class Ratio:
    """How many times as long ``after`` takes as ``before``, with the ends of its confidence interval."""

    value: float
    low: float
    high: float

    def differs(self, by: float) -> bool:
        """Whether the whole interval lies beyond a change by this share, up or down."""
        return self.low > 1 + by or self.high < 1 / (1 + by)


def ratio_of_medians(before: Sequence[float], after: Sequence[float], confidence: float = 0.99) -> Ratio:
    """The ratio of the medians of two sets of samples, with a percentile bootstrap interval (Efron 1979).

    Fewer than three samples on a side tell nothing of the noise: the interval then holds every ratio.
    """
    value = float(np.median(after) / np.median(before))
    if min(len(before), len(after)) < _LEAST_SAMPLES:
        return Ratio(value, 0.0, math.inf)
    random = np.random.default_rng(_SEED)
    medians = [
        np.median(random.choice(np.asarray(samples), (_RESAMPLES, len(samples))), axis=1) for samples in (before, after)
    ]
    low, high = np.quantile(medians[1] / medians[0], [(1 - confidence) / 2, (1 + confidence) / 2])
    return Ratio(value, float(low), float(high))
