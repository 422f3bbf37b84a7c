"""What the users of the dashboard choose: for each refresh other values, the same on every machine."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ...siblings import sibling

_events = sibling("datasets.events")

_SEED = 20_250
_DAYS = {"day": 1, "week": 7, "fortnight": 14, "month": 30, "quarter": 91}


def choices(refresh: int, takes: Sequence[str]) -> dict[str, Any]:
    """The values by name for one refresh of a tile.

    takes: what the tile lets its users choose. A length of time becomes ``start`` and ``end``, whole days of the year,
        and half of it ``middle`` for a fortnight; other names stand for themselves.
    """
    dice = random.Random(f"{_SEED} {refresh} {' '.join(takes)}")
    chosen: dict[str, Any] = {}
    for name in takes:
        if name in _DAYS:
            days = _DAYS[name]
            chosen["start"] = datetime(2025, 1, 1) + timedelta(dice.randrange(365 - days))
            if name == "fortnight":
                chosen["middle"] = chosen["start"] + timedelta(days / 2)
            chosen["end"] = chosen["start"] + timedelta(days)
        else:
            chosen[name] = _one(name, dice)
    return chosen


def _one(name: str, dice: random.Random) -> Any:
    """A country, category, channel, brand, user or product: the frequent ones more often, as they are in the data."""
    match name:
        case "user":
            return 1 + int(_events.USERS * dice.random() ** 2.5 / 50)
        case "product":
            return 1 + int(_events.PRODUCTS * dice.random() ** 3 / 20)
    values = {"country": _events.COUNTRIES, "category": _events.CATEGORIES, "channel": _events.CHANNELS}[name]
    return values[int(len(values) * dice.random() ** 2)]
