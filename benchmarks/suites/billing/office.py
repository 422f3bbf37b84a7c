"""Billing as enterprise programs do it: a loop over customers, their readings one by one, and a look-up for each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ...model import AnswerRow, Row

Tables = Mapping[str, Sequence[Row]]

_CENT = Decimal("0.01")
_NIGHTS, _BANDS = 3, 4  # the tariffs that are compared
_RECENT = date(2025, 11, 6)  # the first day of the eight weeks that a forecast of peaks reads


class _Office:
    """What is looked up, by its key."""

    def __init__(self, tables: Tables) -> None:
        self.calendar = {row["day"]: row for row in tables["calendar"]}
        self.days = Counter(row["month"] for row in tables["calendar"])
        self.bands = {(row["tariff_id"], row["day_type"], row["period"]): row["band"] for row in tables["band"]}
        self.tariffs = {row["tariff_id"]: row for row in tables.get("tariff", ())}
        self.rates: dict[tuple[int, str], list[Row]] = defaultdict(list)
        for row in tables["rate"]:
            self.rates[row["tariff_id"], row["band"]].append(row)

    def band(self, tariff: int, reading: Row) -> str:
        """The price band that a reading falls into."""
        return self.bands[tariff, self.calendar[reading["day"]]["day_type"], reading["period"]]

    def charge(self, tariff: int, band: str, kwh: Decimal) -> Decimal:
        """What so much of one band costs in a month, tier by tier."""
        cost = Decimal(0)
        for rate in self.rates[tariff, band]:
            if kwh > rate["from_kwh"]:
                cost += (min(kwh, Decimal(rate["to_kwh"])) - rate["from_kwh"]) * rate["price"]
        return cost

    def bills(self, customer: Row, readings: Iterable[Row]) -> list[AnswerRow]:
        """A customer's bill of each month in which there are readings."""
        tariff = customer["tariff_id"]
        used: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
        for reading in readings:
            used[self.calendar[reading["day"]]["month"], self.band(tariff, reading)] += reading["kwh"]
        amounts: dict[int, Decimal] = {}
        for (month, band), kwh in used.items():
            if kwh > 0:
                amounts[month] = amounts.get(month, Decimal(0)) + self.charge(tariff, band, kwh)
        standing = self.tariffs[tariff]["standing_charge"]
        return [
            (customer["customer_id"], month, (energy + self.days[month] * standing).quantize(_CENT, ROUND_HALF_UP))
            for month, energy in sorted(amounts.items())
        ]


def _by_customer(readings: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for reading in readings:
        found[reading["customer_id"]].append(reading)
    return found


def every_bill(tables: Tables) -> list[AnswerRow]:
    office, readings = _Office(tables), _by_customer(tables["reading"])
    bills: list[AnswerRow] = []
    for customer in tables["customer"]:
        bills += office.bills(customer, readings.get(customer["customer_id"], ()))
    return bills


def one_bill(tables: Tables) -> list[AnswerRow]:
    office = _Office(tables)
    customer = next(row for row in tables["customer"] if row["customer_id"] == 3)
    june = (date(2025, 6, 1), date(2025, 6, 30))
    readings = (row for row in tables["reading"] if row["customer_id"] == 3 and june[0] <= row["day"] <= june[1])
    return office.bills(customer, readings)


def compare_tariffs(tables: Tables) -> list[AnswerRow]:
    office = _Office(tables)
    totals: dict[str, list[Any]] = {}
    for readings in _by_customer(tables["reading"]).values():
        costs = [Decimal(0), Decimal(0)]
        for reading in readings:
            for position, tariff in enumerate((_NIGHTS, _BANDS)):
                costs[position] += reading["kwh"] * office.rates[tariff, office.band(tariff, reading)][0]["price"]
        cheaper = "day and night" if costs[0] < costs[1] else "three bands"
        state = totals.setdefault(cheaper, [0, Decimal(0), Decimal(0)])
        state[0] += 1
        state[1] += costs[0]
        state[2] += costs[1]
    return [(cheaper, *state) for cheaper, state in sorted(totals.items())]


def missing_readings(tables: Tables) -> list[AnswerRow]:
    days: list[AnswerRow] = []
    for customer, readings in _by_customer(tables["reading"]).items():
        present = Counter(reading["day"] for reading in readings)
        days += [(customer, day, 96 - count) for day, count in present.items() if count < 96]
    return sorted(days)


def spiking_readings(tables: Tables) -> list[AnswerRow]:
    spikes: list[AnswerRow] = []
    for customer, readings in _by_customer(tables["reading"]).items():
        total = sum(reading["kwh"] for reading in readings)
        spikes += [
            (customer, reading["day"], reading["period"], reading["kwh"])
            for reading in readings
            if reading["kwh"] * len(readings) > 20 * total
        ]
    return sorted(spikes)


def trend_forecast(tables: Tables) -> list[AnswerRow]:
    months = {row["day"]: row["month"] for row in tables["calendar"]}
    forecasts: list[AnswerRow] = []
    for customer, readings in _by_customer(tables["reading"]).items():
        used: dict[int, Decimal] = defaultdict(Decimal)
        for reading in readings:
            used[months[reading["day"]]] += reading["kwh"]
        n, x, y = len(used), sum(used), sum(used.values())
        if n < 2:
            continue
        slope = float(n * sum(month * kwh for month, kwh in used.items()) - x * y)
        slope /= n * sum(month * month for month in used) - x * x
        forecasts.append((customer, slope, float(y) / n + slope * (13 - x / n)))
    return sorted(forecasts)


def peak_forecast(tables: Tables) -> list[AnswerRow]:
    weekdays = {row["day"]: row["weekday"] for row in tables["calendar"]}
    peaks: list[AnswerRow] = []
    for customer, readings in _by_customer(tables["reading"]).items():
        usual: dict[tuple[int, int], list[Decimal]] = defaultdict(list)
        for reading in readings:
            if reading["day"] >= _RECENT:
                usual[weekdays[reading["day"]], reading["period"]].append(reading["kwh"])
        if usual:
            peaks.append((customer, max(float(sum(values)) / len(values) for values in usual.values())))
    return sorted(peaks)


def load_profile(tables: Tables) -> list[AnswerRow]:
    calendar = {row["day"]: row for row in tables["calendar"]}
    profile: dict[tuple[int, str, int], list[Any]] = {}
    for reading in tables["reading"]:
        day = calendar[reading["day"]]
        state = profile.setdefault((day["month"], day["day_type"], reading["period"]), [Decimal(0), 0])
        state[0] += reading["kwh"]
        state[1] += 1
    return [(*key, *state) for key, state in sorted(profile.items())]
