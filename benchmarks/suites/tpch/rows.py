"""The queries over one table as plain loops over rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from ...model import AnswerRow, Program, Row


def _pricing_summary(tables: Mapping[str, Sequence[Row]]) -> list[AnswerRow]:
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in tables["lineitem"]:
        if row["l_shipdate"] > date(1998, 9, 2):
            continue
        key = (row["l_returnflag"], row["l_linestatus"])
        if key not in groups:
            groups[key] = [Decimal(0), Decimal(0), Decimal(0), Decimal(0), Decimal(0), 0]
        state = groups[key]
        discounted = row["l_extendedprice"] * (1 - row["l_discount"])
        state[0] += row["l_quantity"]
        state[1] += row["l_extendedprice"]
        state[2] += discounted
        state[3] += discounted * (1 + row["l_tax"])
        state[4] += row["l_discount"]
        state[5] += 1
    return [
        (*key, *state[:4], *(float(state[i]) / state[5] for i in (0, 1, 4)), state[5])
        for key, state in sorted(groups.items())
    ]


def _forecast_revenue(tables: Mapping[str, Sequence[Row]]) -> list[AnswerRow]:
    revenue: Decimal | None = None
    for row in tables["lineitem"]:
        if (
            date(1994, 1, 1) <= row["l_shipdate"] < date(1995, 1, 1)
            and Decimal("0.05") <= row["l_discount"] <= Decimal("0.07")
            and row["l_quantity"] < 24
        ):
            revenue = (revenue or Decimal(0)) + row["l_extendedprice"] * row["l_discount"]
    return [(revenue,)]


PROGRAMS: Mapping[str, Program] = {"q01": _pricing_summary, "q06": _forecast_revenue}
