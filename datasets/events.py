"""A shop's events of a year, in the order of time: who saw, searched, filled a cart or bought what, where and how long.

Scale 1 has 20 million events. Users and products are skewed (few have most events), and columns are correlated: a
product has one category and brand, a city one country, an operating system one device. Evenings and December are busy.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .generate import Batches, Table, decimals, ensure, random, spans, texts

_ROWS = 20_000_000
_SEED = 7
_DAY_MICROSECONDS = 86_400 * 1_000_000
_START_MICROSECONDS = 20_089 * _DAY_MICROSECONDS  # 2025-01-01

USERS, PRODUCTS = 200_000, 5000
KINDS = ("view", "search", "cart", "purchase")
CHANNELS = ("direct", "search", "social", "mail", "advertisement", "partner")
CATEGORIES = tuple(f"category {number:02d}" for number in range(1, 31))
COUNTRIES = ("DE", "FR", "GB", "US", "ES", "IT", "PL", "NL", "SE", "AT", "BR", "JP", "IN", "CA", "AU", "CH")
BRANDS = tuple(f"brand {number:03d}" for number in range(1, 7 * len(CATEGORIES) + 8))
_SYSTEMS = {"phone": ("Android", "iOS"), "desktop": ("Windows", "macOS", "Linux"), "tablet": ("iPadOS", "Android")}
_DEVICES = tuple((device, system) for device, systems in _SYSTEMS.items() for system in systems)
_CITIES = 12  # a country's


def rows(scale: float) -> int:
    """How many events a scale has."""
    return max(round(_ROWS * scale), 1000)


def _skewed(rng: np.random.Generator, count: int, values: int, power: float) -> NDArray[np.int64]:
    """Numbers from 0: the smallest are the most frequent, as the ranks of a power law."""
    return (values * rng.random(count) ** power).astype(np.int64)


def _times(first: int, count: int, total: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Ascending microseconds: each event its share of the year, bent towards December and the evenings."""
    share = (np.arange(first, first + count) + rng.random(count)) / total
    days = share**0.85 * 365
    whole = np.floor(days)
    return ((whole + (days - whole) ** 0.6) * _DAY_MICROSECONDS).astype(np.int64) + _START_MICROSECONDS


def _event(scale: float) -> Batches:
    total = rows(scale)
    fixed = random(_SEED, 0)
    category_of = _skewed(fixed, PRODUCTS, len(CATEGORIES), 1.5)
    brand_of = category_of * 7 + fixed.integers(0, 14, PRODUCTS)
    price_of = np.rint(np.exp(fixed.normal(3.2, 1.0, PRODUCTS)) * 100).astype(np.int64) + 99
    for first, count in spans(total):
        rng = random(_SEED, 1, first)
        product = _skewed(rng, count, PRODUCTS, 3)
        kind = rng.choice(len(KINDS), count, p=(0.72, 0.16, 0.08, 0.04))
        bought = kind == KINDS.index("purchase")
        quantity = np.where(bought, 1 + rng.geometric(0.6, count), 0)
        country = _skewed(rng, count, len(COUNTRIES), 2)
        device = _skewed(rng, count, len(_DEVICES), 1.4)
        revenue = decimals(quantity * price_of[product], 12, 2)
        yield {
            "event_id": pa.array(np.arange(first + 1, first + count + 1)),
            "moment": pa.array(_times(first, count, total, rng)).view(pa.timestamp("us")),
            "user_id": pa.array(_skewed(rng, count, USERS, 2.5) + 1, pa.int32()),
            "kind": texts(kind, KINDS),
            "product_id": pa.array(product + 1, pa.int32()),
            "category": texts(category_of[product], CATEGORIES),
            "brand": texts(brand_of[product], BRANDS),
            "country": texts(country, COUNTRIES),
            "city": texts(country * _CITIES + _skewed(rng, count, _CITIES, 2), _city_names()),
            "device": texts(device, [name for name, _ in _DEVICES]),
            "system": texts(device, [system for _, system in _DEVICES]),
            "channel": texts((product + _skewed(rng, count, 6, 1.8)) % 6, CHANNELS),
            "quantity": pa.array(quantity, pa.int16()),
            "revenue": _null_unless(bought, revenue),
            "duration_ms": pa.array(np.rint(np.exp(rng.normal(7.2, 1.1, count))).astype(np.int32)),
        }


def _city_names() -> list[str]:
    return [f"{country} city {number:02d}" for country in COUNTRIES for number in range(1, _CITIES + 1)]


def _null_unless(valid: NDArray[np.bool_], values: pa.Array[Any]) -> pa.Array[Any]:
    bitmap = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(values.type, len(values), [bitmap, values.buffers()[1]])


EVENT = Table("event", ("event_id",), rows, _event)


def ensure_events(scale: float, tables: Iterable[str]) -> dict[str, Path]:
    """The Parquet file of the table ``event`` at this scale (0.6 GB at scale 1), made first where it isn't cached."""
    return ensure("events-1", scale, [table for table in (EVENT,) if table.name in tables])
