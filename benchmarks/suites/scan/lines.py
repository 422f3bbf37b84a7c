"""What analysts ask of the order lines: months, lateness, tops, distincts, large orders, one order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from heapq import nsmallest
from typing import Any

from ...model import AnswerRow, Query, Row
from .frames import PROGRAMS


def _monthly_revenue(tables: Mapping[str, Sequence[Row]]) -> list[AnswerRow]:
    groups: dict[tuple[str, datetime], list[Any]] = {}
    for row in tables["lineitem"]:
        day = row["l_shipdate"]
        if not date(1995, 1, 1) <= day < date(1997, 1, 1):
            continue
        key = (row["l_shipmode"], datetime(day.year, day.month, 1))
        if key not in groups:
            groups[key] = [Decimal(0), 0]
        groups[key][0] += row["l_extendedprice"] * (1 - row["l_discount"])
        groups[key][1] += 1
    return [(*key, *state) for key, state in sorted(groups.items())]


def _late_shipments(tables: Mapping[str, Sequence[Row]]) -> list[AnswerRow]:
    groups: dict[str, list[int]] = {}
    for row in tables["lineitem"]:
        if row["l_shipmode"] not in groups:
            groups[row["l_shipmode"]] = [0, 0, 0]
        state = groups[row["l_shipmode"]]
        state[0] += 1
        if row["l_receiptdate"] > row["l_commitdate"]:
            state[1] += 1
            state[2] = max(state[2], (row["l_receiptdate"] - row["l_commitdate"]).days)
    return [(mode, *state) for mode, state in sorted(groups.items())]


def _top_lines(tables: Mapping[str, Sequence[Row]]) -> list[AnswerRow]:
    rows = (
        (row["l_orderkey"], row["l_linenumber"], row["l_partkey"], row["l_quantity"], row["l_extendedprice"])
        for row in tables["lineitem"]
    )
    return nsmallest(10, rows, key=lambda line: (-line[4], line[0], line[1]))


def _distinct_parts(tables: Mapping[str, Sequence[Row]]) -> list[AnswerRow]:
    parts = set()
    for row in tables["lineitem"]:
        parts.add(row["l_partkey"])
    return [(len(parts),)]


def _large_orders(tables: Mapping[str, Sequence[Row]]) -> list[AnswerRow]:
    quantities: dict[int, Decimal] = {}
    for row in tables["lineitem"]:
        quantities[row["l_orderkey"]] = quantities.get(row["l_orderkey"], Decimal(0)) + row["l_quantity"]
    large = [(order, quantity) for order, quantity in quantities.items() if quantity > 300]
    return sorted(large, key=lambda order: (-order[1], order[0]))


def _one_order(tables: Mapping[str, Sequence[Row]]) -> list[AnswerRow]:
    columns = ("l_linenumber", "l_partkey", "l_quantity", "l_extendedprice", "l_shipmode")
    found = [tuple(row[c] for c in columns) for row in tables["lineitem"] if row["l_orderkey"] == 4003]
    return sorted(found)


_MONTHLY_REVENUE = """
select l_shipmode, {month} as month, sum(l_extendedprice * (1 - l_discount)) as revenue, count(*) as lines
from lineitem
where l_shipdate >= {first_day} and l_shipdate < {last_day}
group by 1, 2
order by 1, 2
"""

_LATE_SHIPMENTS = """
select l_shipmode,
       count(*) as lines,
       sum(case when l_receiptdate > l_commitdate then 1 else 0 end) as late,
       max({days}) filter (where l_receiptdate > l_commitdate) as most_days_late
from lineitem
group by l_shipmode
order by l_shipmode
"""

QUERIES = (
    Query(
        name="monthly_revenue",
        title="revenue by ship mode and month",
        tables=("lineitem",),
        sql=_MONTHLY_REVENUE.format(
            month="date_trunc('month', l_shipdate)", first_day="date '1995-01-01'", last_day="date '1997-01-01'"
        ),
        dialects={
            "sqlite": _MONTHLY_REVENUE.format(
                month="substr(l_shipdate, 1, 7) || '-01'", first_day="'1995-01-01'", last_day="'1997-01-01'"
            )
        },
        programs={"naive": _monthly_revenue, "pandas": PROGRAMS["monthly_revenue"]},
    ),
    Query(
        name="late_shipments",
        title="late lines by ship mode",
        tables=("lineitem",),
        sql=_LATE_SHIPMENTS.format(days="l_receiptdate - l_commitdate"),
        dialects={
            "chdb": _LATE_SHIPMENTS.format(days="dateDiff('day', l_commitdate, l_receiptdate)"),
            "sqlite": _LATE_SHIPMENTS.format(days="julianday(l_receiptdate) - julianday(l_commitdate)"),
        },
        programs={"naive": _late_shipments, "pandas": PROGRAMS["late_shipments"]},
    ),
    Query(
        name="top_lines",
        title="the ten most expensive lines",
        tables=("lineitem",),
        sql="""
select l_orderkey, l_linenumber, l_partkey, l_quantity, l_extendedprice
from lineitem
order by l_extendedprice desc, l_orderkey, l_linenumber
limit 10
""",
        programs={"naive": _top_lines, "pandas": PROGRAMS["top_lines"]},
    ),
    Query(
        name="distinct_parts",
        title="how many parts were ever ordered",
        tables=("lineitem",),
        sql="select count(distinct l_partkey) as parts from lineitem",
        programs={"naive": _distinct_parts, "pandas": PROGRAMS["distinct_parts"]},
    ),
    Query(
        name="large_orders",
        title="orders of more than 300 pieces",
        tables=("lineitem",),
        sql="""
select l_orderkey, sum(l_quantity) as quantity
from lineitem
group by l_orderkey
having sum(l_quantity) > 300
order by quantity desc, l_orderkey
""",
        programs={"naive": _large_orders, "pandas": PROGRAMS["large_orders"]},
    ),
    Query(
        name="one_order",
        title="the lines of one order, by key",
        tables=("lineitem",),
        sql="""
select l_linenumber, l_partkey, l_quantity, l_extendedprice, l_shipmode
from lineitem
where l_orderkey = 4003
order by l_linenumber
""",
        programs={"naive": _one_order, "pandas": PROGRAMS["one_order"]},
        indexed=True,
    ),
)
