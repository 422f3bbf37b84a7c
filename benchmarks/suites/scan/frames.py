"""The questions of one table as users of pandas ask them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Frames = dict[str, Any]
"""pandas' data frames by table."""


def _monthly_revenue(t: Frames) -> Any:
    import pandas as pd

    lines = t["lineitem"]
    lines = lines[(lines.l_shipdate >= pd.Timestamp("1995-01-01")) & (lines.l_shipdate < pd.Timestamp("1997-01-01"))]
    month = lines.l_shipdate.dt.to_period("M").dt.to_timestamp()
    lines = lines.assign(month=month, revenue=lines.l_extendedprice * (1 - lines.l_discount))
    groups = lines.groupby(["l_shipmode", "month"], as_index=False)
    return groups.agg(revenue=("revenue", "sum"), lines=("revenue", "size"))


def _late_shipments(t: Frames) -> Any:
    lines = t["lineitem"]
    days = (lines.l_receiptdate - lines.l_commitdate).dt.days
    lines = lines.assign(late=(days > 0).astype("int64"), days=days.where(days > 0))
    groups = lines.groupby("l_shipmode", as_index=False)
    return groups.agg(lines=("late", "size"), late=("late", "sum"), most_days_late=("days", "max"))


def _top_lines(t: Frames) -> Any:
    columns = ["l_orderkey", "l_linenumber", "l_partkey", "l_quantity", "l_extendedprice"]
    top = t["lineitem"].nlargest(10, "l_extendedprice", keep="all")[columns]
    keys = ["l_extendedprice", "l_orderkey", "l_linenumber"]
    return top.sort_values(keys, ascending=[False, True, True]).head(10)


def _distinct_parts(t: Frames) -> Any:
    import pandas as pd

    return pd.DataFrame({"parts": [t["lineitem"].l_partkey.nunique()]})


def _large_orders(t: Frames) -> Any:
    sums = t["lineitem"].groupby("l_orderkey", as_index=False, sort=False).agg(quantity=("l_quantity", "sum"))
    return sums[sums.quantity > 300].sort_values(["quantity", "l_orderkey"], ascending=[False, True])


def _one_order(t: Frames) -> Any:
    found = t["lineitem"][t["lineitem"].l_orderkey == 4003].sort_values("l_linenumber")
    return found[["l_linenumber", "l_partkey", "l_quantity", "l_extendedprice", "l_shipmode"]]


def _order_priorities(t: Frames) -> Any:
    orders = t["orders"].assign(year=t["orders"].o_orderdate.dt.year)
    price = ("total", "sum"), ("average", "mean"), ("highest", "max")
    return orders.groupby(["year", "o_orderpriority"], as_index=False).agg(
        orders=("o_totalprice", "size"), **{name: ("o_totalprice", function) for name, function in price}
    )


def _special_requests(t: Frames) -> Any:
    import pandas as pd

    return pd.DataFrame({"orders": [t["orders"].o_comment.str.contains("special.*requests").sum()]})


def _customer_balances(t: Frames) -> Any:
    customers = t["customer"][t["customer"].c_acctbal > 0]
    customers = customers.assign(country_code=customers.c_phone.str[:2])
    balance = ("customers", "size"), ("mean", "mean"), ("deviation", "std")
    groups = customers.groupby("country_code", as_index=False)
    return groups.agg(**{name: ("c_acctbal", function) for name, function in balance})


def _brass_catalogue(t: Frames) -> Any:
    import pandas as pd

    parts = t["part"][t["part"].p_type.str.endswith("BRASS")]
    bands = pd.cut(parts.p_size, [-1, 10, 30, 2**31], labels=["small", "medium", "large"])
    parts = parts.assign(brand=parts.p_brand.str.upper(), size_band=bands.astype("str"))
    groups = parts.groupby(["brand", "size_band"], as_index=False)
    return groups.agg(
        parts=("p_size", "size"), containers=("p_container", "nunique"), least_price=("p_retailprice", "min")
    )


_ALL = (
    (_monthly_revenue, _late_shipments, _top_lines, _distinct_parts, _large_orders, _one_order),
    (_order_priorities, _special_requests, _customer_balances, _brass_catalogue),
)

PROGRAMS: dict[str, Callable[[Frames], Any]] = {
    program.__name__.removeprefix("_"): program for programs in _ALL for program in programs
}
