"""Meter readings of a year, a quarter of an hour each: a household's day, week and season, with outages and spikes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .generate import BATCH_ROWS, Batches, decimals, random, texts

PERIODS = 96
"""Readings a day."""

_SEED = 43
_MOST_WH = 25_000  # what a household's connection lets through in a quarter of an hour
_OUTAGES = 6  # a meter's, on average a year; each ends within a day
_SPIKES = 1.2  # a meter's, on average a year
_DAYS_TO_EPOCH = 20_089  # 2025-01-01
_DAYS = 365


def batches(customers: int) -> Batches:
    """The readings of customers 1 to so many, by customer, day and period; a batch has whole customers."""
    at_a_time = max(BATCH_ROWS // (_DAYS * PERIODS), 1)
    days = np.repeat(np.arange(_DAYS, dtype=np.int32) + _DAYS_TO_EPOCH, PERIODS)
    periods = np.tile(np.arange(PERIODS, dtype=np.int16), _DAYS)
    for first in range(1, customers + 1, at_a_time):
        count = min(at_a_time, customers + 1 - first)
        rng = random(_SEED, first)
        kept = _arrived(rng, count)
        estimated = rng.random(count * len(days)) < 0.004
        yield {
            "customer_id": pa.array(np.repeat(np.arange(first, first + count, dtype=np.int32), len(days))[kept]),
            "day": pa.array(np.tile(days, count)[kept]).view(pa.date32()),
            "period": pa.array(np.tile(periods, count)[kept]),
            "kwh": decimals(_watt_hours(rng, count)[kept], 9, 3),
            "quality": texts(estimated[kept], ("measured", "estimated")),
        }


def _watt_hours(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """A household's size, times its season, its week, its day and chance; and now and then a spike."""
    size = rng.lognormal(4.3, 0.6, (count, 1, 1))
    winter = rng.uniform(0.05, 0.6, (count, 1, 1))
    day = np.arange(_DAYS)[None, :, None]
    season = 1 + winter * np.cos((day - 15) / _DAYS * 2 * np.pi)
    growth = 1 + rng.normal(0, 0.1, (count, 1, 1)) * day / _DAYS
    week = np.where((day + 2) % 7 >= 5, 1.15, 1.0)  # the year begins on a Wednesday
    hour = np.arange(PERIODS)[None, None, :] / 4
    mornings, evenings = rng.normal(7.5, 0.7, (count, 1, 1)), rng.normal(19, 1, (count, 1, 1))
    curve = 0.45 + np.exp(-((hour - mornings) ** 2) / 3) + 1.6 * np.exp(-((hour - evenings) ** 2) / 8)
    chance = rng.gamma(4.0, 0.25, (count, _DAYS, PERIODS))
    load = np.rint(size * season * growth * week * curve * chance).astype(np.int64).reshape(-1)
    spikes = rng.integers(0, len(load), rng.poisson(_SPIKES * count))
    load[spikes] = load[spikes] * 40 + 2000
    return np.minimum(load, _MOST_WH)


def _arrived(rng: np.random.Generator, count: int) -> NDArray[np.bool_]:
    """Which of the readings there are: all but those of outages."""
    arrived = np.ones(count * _DAYS * PERIODS, np.bool_)
    for start in rng.integers(0, len(arrived), rng.poisson(_OUTAGES * count)):
        arrived[start : start + rng.integers(1, PERIODS)] = False
    return arrived
