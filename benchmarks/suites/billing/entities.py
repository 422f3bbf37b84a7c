"""Billing as programs with an ORM do it: a customer's readings are asked for, and what they need looked up by key."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ...engines.objects import Entities
from ...model import AnswerRow

Tables = Mapping[str, Entities]

_CENT = Decimal("0.01")


class _Office:
    """The bills of one run; days in a month are counted once."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._days = Counter(day.month for day in tables["calendar"])
        self._tiers: dict[tuple[int, str], list[Any]] = {}

    def tiers(self, tariff: int, band: str) -> list[Any]:
        """The rates of a band, by where they begin."""
        if (tariff, band) not in self._tiers:
            self._tiers[tariff, band] = list(self._tables["rate"].where(tariff_id=tariff, band=band))
        return self._tiers[tariff, band]

    def charge(self, tariff: int, band: str, kwh: Decimal) -> Decimal:
        """What so much of one band costs in a month, tier by tier."""
        reached = [tier for tier in self.tiers(tariff, band) if kwh > tier.from_kwh]
        return sum(((min(kwh, tier.to_kwh) - tier.from_kwh) * tier.price for tier in reached), Decimal(0))

    def bills(self, customer: Any, readings: Iterable[Any]) -> list[AnswerRow]:
        """A customer's bill of each month in which there are readings."""
        used: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
        for reading in readings:
            day = self._tables["calendar"].get(reading.day)
            band = self._tables["band"].get(customer.tariff_id, day.day_type, reading.period).band
            used[day.month, band] += reading.kwh
        amounts: dict[int, Decimal] = defaultdict(Decimal)
        for (month, band), kwh in used.items():
            if kwh > 0:
                amounts[month] += self.charge(customer.tariff_id, band, kwh)
        standing = self._tables["tariff"].get(customer.tariff_id).standing_charge
        return [
            (customer.customer_id, month, (energy + self._days[month] * standing).quantize(_CENT, ROUND_HALF_UP))
            for month, energy in sorted(amounts.items())
        ]


def every_bill(tables: Tables) -> list[AnswerRow]:
    office = _Office(tables)
    bills: list[AnswerRow] = []
    for customer in tables["customer"]:
        bills += office.bills(customer, tables["reading"].where(customer_id=customer.customer_id))
    return bills


def one_bill(tables: Tables) -> list[AnswerRow]:
    readings = tables["reading"].where(customer_id=3)
    june = (reading for reading in readings if date(2025, 6, 1) <= reading.day <= date(2025, 6, 30))
    return _Office(tables).bills(tables["customer"].get(3), june)


PROGRAMS = {"every_bill": every_bill, "one_bill": one_bill}
