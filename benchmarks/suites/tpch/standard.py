"""The standard's own queries over one table, with its validation parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from ...model import AnswerRow, Query, Row


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


_PRICING_SUMMARY = """
select l_returnflag, l_linestatus,
       sum(l_quantity) as sum_qty,
       sum(l_extendedprice) as sum_base_price,
       sum(l_extendedprice * (1 - l_discount)) as sum_disc_price,
       sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) as sum_charge,
       avg(l_quantity) as avg_qty,
       avg(l_extendedprice) as avg_price,
       avg(l_discount) as avg_disc,
       count(*) as count_order
from lineitem
where l_shipdate <= {last_day}
group by l_returnflag, l_linestatus
order by l_returnflag, l_linestatus
"""

_FORECAST_REVENUE = """
select sum(l_extendedprice * l_discount) as revenue
from lineitem
where l_shipdate >= {first_day}
  and l_shipdate < {next_year}
  and l_discount between 0.05 and 0.07
  and l_quantity < 24
"""

QUERIES = (
    Query(
        name="q1",
        title="TPC-H Q1: pricing summary",
        tables=("lineitem",),
        sql=_PRICING_SUMMARY.format(last_day="date '1998-12-01' - interval 90 day"),
        dialects={"sqlite": _PRICING_SUMMARY.format(last_day="date('1998-12-01', '-90 day')")},
        naive=_pricing_summary,
    ),
    Query(
        name="q6",
        title="TPC-H Q6: forecast of revenue",
        tables=("lineitem",),
        sql=_FORECAST_REVENUE.format(first_day="date '1994-01-01'", next_year="date '1994-01-01' + interval 1 year"),
        dialects={"sqlite": _FORECAST_REVENUE.format(first_day="'1994-01-01'", next_year="'1995-01-01'")},
        naive=_forecast_revenue,
    ),
)
