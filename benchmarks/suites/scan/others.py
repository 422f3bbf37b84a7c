"""What analysts ask of orders, customers and parts: years, free text, country codes, bands of sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import sqrt
from typing import Any

from ...model import AnswerRow, Query, Row
from .frames import PROGRAMS


def _order_priorities(tables: Mapping[str, Sequence[Row]]) -> list[AnswerRow]:
    groups: dict[tuple[int, str], list[Any]] = {}
    for row in tables["orders"]:
        key = (row["o_orderdate"].year, row["o_orderpriority"])
        if key not in groups:
            groups[key] = [0, Decimal(0), Decimal(0)]
        state = groups[key]
        state[0] += 1
        state[1] += row["o_totalprice"]
        state[2] = max(state[2], row["o_totalprice"])
    return [
        (*key, count, total, float(total) / count, highest) for key, (count, total, highest) in sorted(groups.items())
    ]


def _special_requests(tables: Mapping[str, Sequence[Row]]) -> list[AnswerRow]:
    count = 0
    for row in tables["orders"]:
        start = row["o_comment"].find("special")
        if start >= 0 and row["o_comment"].find("requests", start + len("special")) >= 0:
            count += 1
    return [(count,)]


def _customer_balances(tables: Mapping[str, Sequence[Row]]) -> list[AnswerRow]:
    groups: dict[str, list[float]] = {}
    for row in tables["customer"]:
        if row["c_acctbal"] > 0:
            groups.setdefault(row["c_phone"][:2], []).append(float(row["c_acctbal"]))
    answer: list[AnswerRow] = []
    for code, balances in sorted(groups.items()):
        mean = sum(balances) / len(balances)
        squares = sum((balance - mean) ** 2 for balance in balances)
        deviation = sqrt(squares / (len(balances) - 1)) if len(balances) > 1 else None
        answer.append((code, len(balances), mean, deviation))
    return answer


def _brass_catalogue(tables: Mapping[str, Sequence[Row]]) -> list[AnswerRow]:
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in tables["part"]:
        if not row["p_type"].endswith("BRASS"):
            continue
        size = row["p_size"]
        band = "small" if size <= 10 else "medium" if size <= 30 else "large"
        key = (row["p_brand"].upper(), band)
        if key not in groups:
            groups[key] = [0, set(), row["p_retailprice"]]
        state = groups[key]
        state[0] += 1
        state[1].add(row["p_container"])
        state[2] = min(state[2], row["p_retailprice"])
    return [(*key, count, len(containers), least) for key, (count, containers, least) in sorted(groups.items())]


_ORDER_PRIORITIES = """
select {year} as year, o_orderpriority, count(*) as orders,
       sum(o_totalprice) as total, avg(o_totalprice) as average, max(o_totalprice) as highest
from orders
group by 1, 2
order by 1, 2
"""

_CUSTOMER_BALANCES = """
select substr(c_phone, 1, 2) as country_code, count(*) as customers, avg(c_acctbal) as mean, {deviation} as deviation
from customer
where c_acctbal > 0
group by 1
order by 1
"""

# SQLite has no standard deviation; this is how its users write it.
_SQLITE_DEVIATION = (
    "sqrt((sum(c_acctbal * c_acctbal) - sum(c_acctbal) * sum(c_acctbal) / count(*)) / nullif(count(*) - 1, 0))"
)

QUERIES = (
    Query(
        name="order_priorities",
        title="orders by year and priority",
        tables=("orders",),
        sql=_ORDER_PRIORITIES.format(year="extract(year from o_orderdate)"),
        dialects={"sqlite": _ORDER_PRIORITIES.format(year="cast(substr(o_orderdate, 1, 4) as integer)")},
        programs={"naive": _order_priorities, "pandas": PROGRAMS["order_priorities"]},
    ),
    Query(
        name="special_requests",
        title="LIKE over the orders' comments",
        tables=("orders",),
        sql="select count(*) as orders from orders where o_comment like '%special%requests%'",
        programs={"naive": _special_requests, "pandas": PROGRAMS["special_requests"]},
    ),
    Query(
        name="customer_balances",
        title="customers' balances by phone code",
        tables=("customer",),
        sql=_CUSTOMER_BALANCES.format(deviation="stddev_samp(c_acctbal)"),
        dialects={"sqlite": _CUSTOMER_BALANCES.format(deviation=_SQLITE_DEVIATION)},
        programs={"naive": _customer_balances, "pandas": PROGRAMS["customer_balances"]},
    ),
    Query(
        name="brass_catalogue",
        title="brass parts by brand and size band",
        tables=("part",),
        sql="""
select upper(p_brand) as brand,
       case when p_size <= 10 then 'small' when p_size <= 30 then 'medium' else 'large' end as size_band,
       count(*) as parts, count(distinct p_container) as containers, min(p_retailprice) as least_price
from part
where p_type like '%BRASS'
group by 1, 2
order by 1, 2
""",
        programs={"naive": _brass_catalogue, "pandas": PROGRAMS["brass_catalogue"]},
    ),
)
