"""The tiles as loops over the rows of a period: what each SQL text of ``tiles`` says, in plain Python.

A row has its columns as Python values: ``moment`` is a datetime, ``revenue`` a Decimal for purchases and else None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import nsmallest
from typing import Any

from ...model import AnswerRow, Row

Chosen = Mapping[str, Any]
"""What the user chose, by name: ``start`` and ``end`` of the period, ``country`` and so on."""

Loop = Callable[[list[Row], Chosen], list[AnswerRow]]


def _total(rows: list[Row], column: str = "revenue") -> Any:
    """SQL's sum: None without values."""
    amounts = [row[column] for row in rows if row[column] is not None]
    return sum(amounts) if amounts else None


def _grouped(rows: list[Row], key: Callable[[Row], tuple[Any, ...]]) -> list[tuple[tuple[Any, ...], list[Row]]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return sorted(groups.items())


def revenue_by(key: Callable[[Row], tuple[Any, ...]], **fixed: str) -> Loop:
    """Revenue and purchases by a key, of the purchases with these columns as chosen."""

    def loop(rows: list[Row], chosen: Chosen) -> list[AnswerRow]:
        bought = [
            row for row in rows if row["kind"] == "purchase" and all(row[c] == chosen[v] for c, v in fixed.items())
        ]
        return [(*group, _total(members), len(members)) for group, members in _grouped(bought, key)]

    return loop


def by_day(row: Row) -> tuple[Any, ...]:
    return (row["moment"].date(),)


def by(*names: str) -> Callable[[Row], tuple[Any, ...]]:
    return lambda row: tuple(row[name] for name in names)


def highest(loop: Loop, count: int) -> Loop:
    """The groups with the most revenue, by name where it is the same."""
    return lambda rows, chosen: nsmallest(count, loop(rows, chosen), key=lambda group: (-group[-2], group[:-2]))


def overview(rows: list[Row], chosen: Chosen) -> list[AnswerRow]:
    bought = [row for row in rows if row["kind"] == "purchase"]
    return [(len(rows), len(bought), _total(bought))]


def conversion(rows: list[Row], chosen: Chosen) -> list[AnswerRow]:
    found = []
    for group, members in _grouped(rows, by("channel")):
        kinds = [row["kind"] for row in members]
        found.append((*group, kinds.count("view"), kinds.count("cart"), kinds.count("purchase")))
    return found


def funnel(rows: list[Row], chosen: Chosen) -> list[AnswerRow]:
    seen = [row for row in rows if row["country"] == chosen["country"] and row["category"] == chosen["category"]]
    return [(*group, len(members)) for group, members in _grouped(seen, by("kind"))]


def users_of_a_day(rows: list[Row], chosen: Chosen) -> list[AnswerRow]:
    return [(len({row["user_id"] for row in rows}), len(rows))]


def users_by_country(rows: list[Row], chosen: Chosen) -> list[AnswerRow]:
    groups = _grouped(rows, by("country"))
    return [(*group, len({row["user_id"] for row in members})) for group, members in groups]


def history(rows: list[Row], chosen: Chosen) -> list[AnswerRow]:
    mine = [row for row in rows if row["user_id"] == chosen["user"]]
    latest = nsmallest(20, mine, key=lambda row: -row["event_id"])
    return [(row["event_id"], row["moment"], row["kind"], row["product_id"], row["revenue"]) for row in latest]


def slow_systems(rows: list[Row], chosen: Chosen) -> list[AnswerRow]:
    groups = _grouped(rows, by("device", "system"))
    times = [(group, [row["duration_ms"] for row in members]) for group, members in groups]
    return [(*group, max(all_), sum(all_) / len(all_), len([t for t in all_ if t > 10_000])) for group, all_ in times]


def quantiles(rows: list[Row], chosen: Chosen) -> list[AnswerRow]:
    found = []
    for group, members in _grouped(rows, by("category")):
        times = sorted(row["duration_ms"] for row in members)
        found.append((*group, times[(len(times) - 1) // 2], times[-(-95 * len(times) // 100) - 1]))
    return found


def large_purchases(rows: list[Row], chosen: Chosen) -> list[AnswerRow]:
    bought = [row for row in rows if row["revenue"] is not None and row["country"] == chosen["country"]]
    largest = nsmallest(10, bought, key=lambda row: (-row["revenue"], row["event_id"]))
    return [(row["event_id"], row["user_id"], row["product_id"], row["quantity"], row["revenue"]) for row in largest]


def two_weeks(rows: list[Row], chosen: Chosen) -> list[AnswerRow]:
    groups = _grouped([row for row in rows if row["revenue"] is not None], by("category"))
    halves = ((group, [r for r in all_ if r["moment"] < chosen["middle"]], all_) for group, all_ in groups)
    return [
        (*group, _total(before), _total([row for row in all_ if row["moment"] >= chosen["middle"]]))
        for group, before, all_ in halves
    ]


def baskets(rows: list[Row], chosen: Chosen) -> list[AnswerRow]:
    groups = _grouped([row for row in rows if row["revenue"] is not None], by("device", "channel"))
    return [
        (*group, float(_total(members)) / len(members), sum(row["quantity"] for row in members))
        for group, members in groups
    ]


def heat(rows: list[Row], chosen: Chosen) -> list[AnswerRow]:
    seen = [row for row in rows if row["category"] == chosen["category"]]
    groups = _grouped(seen, lambda row: (row["moment"].isoweekday(), row["moment"].hour))
    return [(*group, len(members)) for group, members in groups]


def repeat_buyers(rows: list[Row], chosen: Chosen) -> list[AnswerRow]:
    groups = _grouped([row for row in rows if row["revenue"] is not None], by("user_id"))
    spent = [(*group, len(members), _total(members)) for group, members in groups if len(members) > 1]
    return nsmallest(10, spent, key=lambda buyer: (-buyer[2], buyer[0]))
