"""A year of a utility's meter readings, with what its bills are made from: customers, tariffs, calendar, bands, rates.

Scale 1 is 10,000 customers with a reading every 15 minutes, 350 million in all; a scale has its customers' whole year.
Readings are kept by meter and time, as such systems key them. About 0.8% are missing, as outages of some hours; 1 in
30,000 is a spike. Everything else is made up: loads follow a household's day, week and season, prices are in euros.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .generate import Batches, Table, decimals, ensure, random
from .readings import PERIODS, batches

_CUSTOMERS = 10_000
_YEAR = [date(2025, 1, 1) + timedelta(number) for number in range(365)]
_SEED = 42
_HOLIDAYS = {(1, 1), (4, 18), (4, 21), (5, 1), (5, 29), (6, 9), (10, 3), (12, 25), (12, 26)}
_WORKDAY, _WEEKEND, _HOLIDAY = "workday", "weekend", "holiday"
_DAY_TYPES = (_WORKDAY, _WEEKEND, _HOLIDAY)

_TARIFFS = ("flat", "blocks", "day and night", "three bands", "electric car", "heat pump")
_STANDING = (0.3219, 0.2817, 0.3525, 0.3841, 0.4110, 0.3666)  # euros a day


def _band(tariff: int, day_type: str, period: int) -> str:
    """Which price a quarter of an hour has: the clock times of each tariff."""
    hour = period // 4
    night = hour < 6 or hour >= 22
    match tariff:
        case 1 | 2:
            return "all"
        case 3:
            return "night" if night else "day"
        case 4 if day_type == _WORKDAY and 17 <= hour < 21:
            return "peak"
        case 5:
            return "night" if hour < 5 else "day"
        case _:
            return "night" if night or day_type != _WORKDAY else "day"


# Prices per kWh by tariff and band; each tier begins at so many kWh a month.
_PRICES = {
    (1, "all"): ((0, 0.31890),),
    (2, "all"): ((0, 0.24990), (100, 0.31250), (300, 0.38415)),
    (3, "day"): ((0, 0.35120),),
    (3, "night"): ((0, 0.22340),),
    (4, "peak"): ((0, 0.48730), (50, 0.52995)),
    (4, "day"): ((0, 0.32015),),
    (4, "night"): ((0, 0.19875),),
    (5, "day"): ((0, 0.36290),),
    (5, "night"): ((0, 0.09995), (250, 0.17450)),
    (6, "day"): ((0, 0.29885), (400, 0.27325)),
    (6, "night"): ((0, 0.23105), (400, 0.20115)),
}
_UNLIMITED = 999_999


def customers(scale: float) -> int:
    """How many customers a scale has."""
    return max(round(_CUSTOMERS * scale), 3)


def _customer(scale: float) -> Batches:
    count = customers(scale)
    rng = random(_SEED, 0)
    numbers = np.arange(1, count + 1)
    yield {
        "customer_id": pa.array(numbers, pa.int32()),
        "name": pa.array([f"Customer {number:07d}" for number in numbers]),
        "postcode": pa.array([f"{code:05d}" for code in rng.integers(1067, 99998, count)]),
        "account": pa.array([f"DE{number:020d}" for number in rng.integers(10**17, 10**18, count)]),
        "tariff_id": pa.array(_tariffs(count), pa.int32()),
    }


def _tariffs(count: int) -> NDArray[np.int64]:
    shares = (0.40, 0.15, 0.20, 0.10, 0.08, 0.07)
    return random(_SEED, 1).choice(np.arange(1, len(_TARIFFS) + 1), count, p=shares)


def _reading(scale: float) -> Batches:
    return batches(customers(scale))


def _tariff(scale: float) -> Batches:
    yield {
        "tariff_id": pa.array(range(1, len(_TARIFFS) + 1), pa.int32()),
        "tariff_name": pa.array(_TARIFFS),
        "standing_charge": decimals(np.rint(np.array(_STANDING) * 10**4).astype(np.int64), 8, 4),
    }


def _day_type(day: date) -> str:
    if (day.month, day.day) in _HOLIDAYS:
        return _HOLIDAY
    return _WEEKEND if day.weekday() >= 5 else _WORKDAY


def _calendar(scale: float) -> Batches:
    yield {
        "day": pa.array(_YEAR, pa.date32()),
        "month": pa.array([day.month for day in _YEAR], pa.int32()),
        "weekday": pa.array([day.isoweekday() for day in _YEAR], pa.int32()),
        "day_type": pa.array([_day_type(day) for day in _YEAR]),
    }


def _bands(scale: float) -> Batches:
    keys = [(t, d, p) for t in range(1, len(_TARIFFS) + 1) for d in _DAY_TYPES for p in range(PERIODS)]
    yield {
        "tariff_id": pa.array([tariff for tariff, _, _ in keys], pa.int32()),
        "day_type": pa.array([day_type for _, day_type, _ in keys]),
        "period": pa.array([period for _, _, period in keys], pa.int16()),
        "band": pa.array([_band(*key) for key in keys]),
    }


def _rates(scale: float) -> Batches:
    rows = []
    for (tariff, band), tiers in _PRICES.items():
        ends = [start for start, _ in tiers[1:]] + [_UNLIMITED]
        rows += [(tariff, band, start, end, price) for (start, price), end in zip(tiers, ends, strict=True)]
    yield {
        "tariff_id": pa.array([row[0] for row in rows], pa.int32()),
        "band": pa.array([row[1] for row in rows]),
        "from_kwh": pa.array([row[2] for row in rows], pa.int32()),
        "to_kwh": pa.array([row[3] for row in rows], pa.int32()),
        "price": decimals(np.rint(np.array([row[4] for row in rows]) * 10**5).astype(np.int64), 8, 5),
    }


TABLES = (
    Table("reading", ("customer_id", "day", "period"), lambda scale: customers(scale) * len(_YEAR) * PERIODS, _reading),
    Table("customer", ("customer_id",), customers, _customer),
    Table("tariff", ("tariff_id",), lambda scale: len(_TARIFFS), _tariff),
    Table("calendar", ("day",), lambda scale: len(_YEAR), _calendar),
    Table("band", ("tariff_id", "day_type", "period"), lambda scale: len(_TARIFFS) * 3 * PERIODS, _bands),
    Table("rate", ("tariff_id", "band", "from_kwh"), lambda scale: sum(map(len, _PRICES.values())), _rates),
)
PRIMARY_KEYS = {table.name: table.key for table in TABLES}


def ensure_tables(scale: float, tables: Iterable[str]) -> dict[str, Path]:
    """The Parquet file of each table at this scale, made first where it isn't cached.

    Scale 1 has 350 million readings (about 1.1 GB of Parquet), 0.03 a laptop's 10 million.
    """
    return ensure("billing-1", scale, [table for table in TABLES if table.name in tables])
