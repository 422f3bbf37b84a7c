"""TPC-H's 22 queries as users of pandas write them: filters first, then merges, then groups.

Decimals are float64 here, so money is rounded where a comparison needs it to the cent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Frames = dict[str, Any]
"""pandas' data frames by table."""


def _day(text: str) -> Any:
    import pandas as pd

    return pd.Timestamp(text)


def _revenue(lines: Any) -> Any:
    return lines.l_extendedprice * (1 - lines.l_discount)


def _within(column: Any, first: str, last: str) -> Any:
    """From one day up to another, that one left out."""
    return (column >= _day(first)) & (column < _day(last))


def _totals(frame: Any, keys: list[str], **columns: tuple[str, str]) -> Any:
    return frame.groupby(keys, as_index=False, sort=False).agg(**columns)


def _q01(t: Frames) -> Any:
    lines = t["lineitem"]
    lines = lines[lines.l_shipdate <= _day("1998-09-02")]
    lines = lines.assign(disc_price=_revenue(lines))
    lines = lines.assign(charge=lines.disc_price * (1 + lines.l_tax))
    return _totals(
        lines,
        ["l_returnflag", "l_linestatus"],
        sum_qty=("l_quantity", "sum"),
        sum_base_price=("l_extendedprice", "sum"),
        sum_disc_price=("disc_price", "sum"),
        sum_charge=("charge", "sum"),
        avg_qty=("l_quantity", "mean"),
        avg_price=("l_extendedprice", "mean"),
        avg_disc=("l_discount", "mean"),
        count_order=("l_quantity", "size"),
    ).sort_values(["l_returnflag", "l_linestatus"])


def _located_suppliers(t: Frames, region: str) -> Any:
    regions = t["region"][t["region"].r_name == region]
    nations = t["nation"].merge(regions, left_on="n_regionkey", right_on="r_regionkey")
    return t["supplier"].merge(nations, left_on="s_nationkey", right_on="n_nationkey")


def _q02(t: Frames) -> Any:
    parts = t["part"]
    parts = parts[(parts.p_size == 15) & parts.p_type.str.endswith("BRASS")]
    offers = t["partsupp"].merge(_located_suppliers(t, "EUROPE"), left_on="ps_suppkey", right_on="s_suppkey")
    offers = parts.merge(offers, left_on="p_partkey", right_on="ps_partkey")
    least = offers.groupby("p_partkey").ps_supplycost.transform("min")
    best = offers[offers.ps_supplycost == least]
    best = best.sort_values(["s_acctbal", "n_name", "s_name", "p_partkey"], ascending=[False, True, True, True])
    columns = ["s_acctbal", "s_name", "n_name", "p_partkey", "p_mfgr", "s_address", "s_phone", "s_comment"]
    return best[columns].head(100)


def _q03(t: Frames) -> Any:
    customers = t["customer"][t["customer"].c_mktsegment == "BUILDING"]
    orders = t["orders"][t["orders"].o_orderdate < _day("1995-03-15")]
    lines = t["lineitem"][t["lineitem"].l_shipdate > _day("1995-03-15")]
    found = customers.merge(orders, left_on="c_custkey", right_on="o_custkey")
    found = found.merge(lines, left_on="o_orderkey", right_on="l_orderkey")
    found = found.assign(revenue=_revenue(found))
    sums = _totals(found, ["l_orderkey", "o_orderdate", "o_shippriority"], revenue=("revenue", "sum"))
    sums = sums.sort_values(["revenue", "o_orderdate"], ascending=[False, True]).head(10)
    return sums[["l_orderkey", "revenue", "o_orderdate", "o_shippriority"]]


def _q04(t: Frames) -> Any:
    late = t["lineitem"][t["lineitem"].l_commitdate < t["lineitem"].l_receiptdate]
    orders = t["orders"]
    orders = orders[_within(orders.o_orderdate, "1993-07-01", "1993-10-01") & orders.o_orderkey.isin(late.l_orderkey)]
    return _totals(orders, ["o_orderpriority"], order_count=("o_orderkey", "size")).sort_values("o_orderpriority")


def _q05(t: Frames) -> Any:
    orders = t["orders"][_within(t["orders"].o_orderdate, "1994-01-01", "1995-01-01")]
    found = orders.merge(t["customer"], left_on="o_custkey", right_on="c_custkey")
    found = found.merge(t["lineitem"], left_on="o_orderkey", right_on="l_orderkey")
    suppliers = _located_suppliers(t, "ASIA")
    found = found.merge(suppliers, left_on=["l_suppkey", "c_nationkey"], right_on=["s_suppkey", "s_nationkey"])
    found = found.assign(revenue=_revenue(found))
    return _totals(found, ["n_name"], revenue=("revenue", "sum")).sort_values("revenue", ascending=False)


def _q06(t: Frames) -> Any:
    import pandas as pd

    lines = t["lineitem"]
    lines = lines[
        _within(lines.l_shipdate, "1994-01-01", "1995-01-01")
        & lines.l_discount.between(0.0499, 0.0701)
        & (lines.l_quantity < 24)
    ]
    return pd.DataFrame({"revenue": [(lines.l_extendedprice * lines.l_discount).sum()]})


def _q07(t: Frames) -> Any:
    names = t["nation"][t["nation"].n_name.isin(["FRANCE", "GERMANY"])][["n_nationkey", "n_name"]]
    suppliers = t["supplier"].merge(names, left_on="s_nationkey", right_on="n_nationkey")
    customers = t["customer"].merge(names, left_on="c_nationkey", right_on="n_nationkey")
    lines = t["lineitem"][_within(t["lineitem"].l_shipdate, "1995-01-01", "1997-01-01")]
    found = lines.merge(suppliers.rename(columns={"n_name": "supp_nation"}), left_on="l_suppkey", right_on="s_suppkey")
    orders = t["orders"].merge(
        customers.rename(columns={"n_name": "cust_nation"}), left_on="o_custkey", right_on="c_custkey"
    )
    found = found.merge(orders, left_on="l_orderkey", right_on="o_orderkey", suffixes=("", "_customer"))
    found = found[found.supp_nation != found.cust_nation]
    found = found.assign(l_year=found.l_shipdate.dt.year, volume=_revenue(found))
    keys = ["supp_nation", "cust_nation", "l_year"]
    return _totals(found, keys, revenue=("volume", "sum")).sort_values(keys)


def _q08(t: Frames) -> Any:
    parts = t["part"][t["part"].p_type == "ECONOMY ANODIZED STEEL"]
    lines = t["lineitem"].merge(parts, left_on="l_partkey", right_on="p_partkey")
    orders = t["orders"][_within(t["orders"].o_orderdate, "1995-01-01", "1997-01-01")]
    found = lines.merge(orders, left_on="l_orderkey", right_on="o_orderkey")
    regions = t["region"][t["region"].r_name == "AMERICA"]
    americas = t["nation"][t["nation"].n_regionkey.isin(regions.r_regionkey)]
    customers = t["customer"][t["customer"].c_nationkey.isin(americas.n_nationkey)]
    found = found[found.o_custkey.isin(customers.c_custkey)]
    found = found.merge(t["supplier"], left_on="l_suppkey", right_on="s_suppkey")
    found = found.merge(t["nation"], left_on="s_nationkey", right_on="n_nationkey")
    found = found.assign(o_year=found.o_orderdate.dt.year, volume=_revenue(found))
    found = found.assign(brazil=found.volume.where(found.n_name == "BRAZIL", 0.0))
    sums = _totals(found, ["o_year"], brazil=("brazil", "sum"), volume=("volume", "sum"))
    return sums.assign(mkt_share=sums.brazil / sums.volume)[["o_year", "mkt_share"]].sort_values("o_year")


def _q09(t: Frames) -> Any:
    parts = t["part"][t["part"].p_name.str.contains("green", regex=False)]
    found = t["lineitem"].merge(parts, left_on="l_partkey", right_on="p_partkey")
    found = found.merge(t["partsupp"], left_on=["l_partkey", "l_suppkey"], right_on=["ps_partkey", "ps_suppkey"])
    found = found.merge(t["supplier"], left_on="l_suppkey", right_on="s_suppkey")
    found = found.merge(t["nation"], left_on="s_nationkey", right_on="n_nationkey")
    found = found.merge(t["orders"], left_on="l_orderkey", right_on="o_orderkey")
    amount = _revenue(found) - found.ps_supplycost * found.l_quantity
    found = found.assign(nation=found.n_name, o_year=found.o_orderdate.dt.year, amount=amount)
    sums = _totals(found, ["nation", "o_year"], sum_profit=("amount", "sum"))
    return sums.sort_values(["nation", "o_year"], ascending=[True, False])


def _q10(t: Frames) -> Any:
    orders = t["orders"][_within(t["orders"].o_orderdate, "1993-10-01", "1994-01-01")]
    lines = t["lineitem"][t["lineitem"].l_returnflag == "R"]
    found = orders.merge(lines, left_on="o_orderkey", right_on="l_orderkey")
    found = found.assign(revenue=_revenue(found))
    sums = _totals(found, ["o_custkey"], revenue=("revenue", "sum")).nlargest(20, "revenue")
    sums = sums.merge(t["customer"], left_on="o_custkey", right_on="c_custkey")
    sums = sums.merge(t["nation"], left_on="c_nationkey", right_on="n_nationkey")
    return sums[["c_custkey", "c_name", "revenue", "c_acctbal", "n_name", "c_address", "c_phone", "c_comment"]]


def _q11(t: Frames) -> Any:
    germany = t["nation"][t["nation"].n_name == "GERMANY"]
    suppliers = t["supplier"][t["supplier"].s_nationkey.isin(germany.n_nationkey)]
    stock = t["partsupp"][t["partsupp"].ps_suppkey.isin(suppliers.s_suppkey)]
    stock = stock.assign(value=stock.ps_supplycost * stock.ps_availqty)
    sums = _totals(stock, ["ps_partkey"], value=("value", "sum"))
    return sums[sums.value > stock.value.sum() * 0.0001].sort_values("value", ascending=False)


def _q12(t: Frames) -> Any:
    lines = t["lineitem"]
    lines = lines[
        lines.l_shipmode.isin(["MAIL", "SHIP"])
        & (lines.l_commitdate < lines.l_receiptdate)
        & (lines.l_shipdate < lines.l_commitdate)
        & _within(lines.l_receiptdate, "1994-01-01", "1995-01-01")
    ]
    found = lines.merge(t["orders"], left_on="l_orderkey", right_on="o_orderkey")
    urgent = found.o_orderpriority.isin(["1-URGENT", "2-HIGH"])
    found = found.assign(high=urgent.astype("int64"), low=(~urgent).astype("int64"))
    sums = _totals(found, ["l_shipmode"], high_line_count=("high", "sum"), low_line_count=("low", "sum"))
    return sums.sort_values("l_shipmode")


def _q13(t: Frames) -> Any:
    orders = t["orders"][~t["orders"].o_comment.str.contains("special.*requests")]
    counts = orders.groupby("o_custkey").size()
    counts = t["customer"].c_custkey.map(counts).fillna(0).astype("int64")
    sizes = counts.value_counts().rename_axis("c_count").reset_index(name="custdist")
    return sizes.sort_values(["custdist", "c_count"], ascending=False)


def _q14(t: Frames) -> Any:
    import pandas as pd

    lines = t["lineitem"][_within(t["lineitem"].l_shipdate, "1995-09-01", "1995-10-01")]
    found = lines.merge(t["part"], left_on="l_partkey", right_on="p_partkey")
    revenue = _revenue(found)
    promoted = revenue[found.p_type.str.startswith("PROMO")].sum()
    return pd.DataFrame({"promo_revenue": [100.0 * promoted / revenue.sum()]})


def _q15(t: Frames) -> Any:
    lines = t["lineitem"][_within(t["lineitem"].l_shipdate, "1996-01-01", "1996-04-01")]
    lines = lines.assign(revenue=_revenue(lines))
    sums = _totals(lines, ["l_suppkey"], total_revenue=("revenue", "sum"))
    best = sums[sums.total_revenue.round(4) == sums.total_revenue.max().round(4)]
    found = t["supplier"].merge(best, left_on="s_suppkey", right_on="l_suppkey").sort_values("s_suppkey")
    return found[["s_suppkey", "s_name", "s_address", "s_phone", "total_revenue"]]


def _q16(t: Frames) -> Any:
    parts = t["part"]
    parts = parts[
        (parts.p_brand != "Brand#45")
        & ~parts.p_type.str.startswith("MEDIUM POLISHED")
        & parts.p_size.isin([49, 14, 23, 45, 19, 3, 36, 9])
    ]
    bad = t["supplier"][t["supplier"].s_comment.str.contains("Customer.*Complaints")]
    offers = t["partsupp"][~t["partsupp"].ps_suppkey.isin(bad.s_suppkey)]
    found = offers.merge(parts, left_on="ps_partkey", right_on="p_partkey")
    keys = ["p_brand", "p_type", "p_size"]
    sums = _totals(found, keys, supplier_cnt=("ps_suppkey", "nunique"))
    return sums.sort_values(["supplier_cnt", *keys], ascending=[False, True, True, True])


def _q17(t: Frames) -> Any:
    import pandas as pd

    parts = t["part"][(t["part"].p_brand == "Brand#23") & (t["part"].p_container == "MED BOX")]
    found = t["lineitem"].merge(parts, left_on="l_partkey", right_on="p_partkey")
    usual = found.groupby("l_partkey").l_quantity.transform("mean")
    few = found[found.l_quantity < 0.2 * usual]
    return pd.DataFrame({"avg_yearly": [few.l_extendedprice.sum(min_count=1) / 7.0]})


def _q18(t: Frames) -> Any:
    sums = _totals(t["lineitem"], ["l_orderkey"], quantity=("l_quantity", "sum"))
    found = sums[sums.quantity > 300].merge(t["orders"], left_on="l_orderkey", right_on="o_orderkey")
    found = found.merge(t["customer"], left_on="o_custkey", right_on="c_custkey")
    found = found.sort_values(["o_totalprice", "o_orderdate"], ascending=[False, True]).head(100)
    return found[["c_name", "c_custkey", "o_orderkey", "o_orderdate", "o_totalprice", "quantity"]]


_ASKED = (
    ("Brand#12", ["SM CASE", "SM BOX", "SM PACK", "SM PKG"], 1, 5),
    ("Brand#23", ["MED BAG", "MED BOX", "MED PKG", "MED PACK"], 10, 10),
    ("Brand#34", ["LG CASE", "LG BOX", "LG PACK", "LG PKG"], 20, 15),
)
"""Of each brand the containers, the least quantity (ten more is the most) and the greatest size."""


def _q19(t: Frames) -> Any:
    import pandas as pd

    lines = t["lineitem"]
    lines = lines[lines.l_shipmode.isin(["AIR", "AIR REG"]) & (lines.l_shipinstruct == "DELIVER IN PERSON")]
    found = lines.merge(t["part"], left_on="l_partkey", right_on="p_partkey")
    kept = found.p_size < 0
    for brand, containers, least, size in _ASKED:
        kept |= (
            (found.p_brand == brand)
            & found.p_container.isin(containers)
            & found.l_quantity.between(least, least + 10)
            & found.p_size.between(1, size)
        )
    return pd.DataFrame({"revenue": [_revenue(found[kept]).sum(min_count=1)]})


def _q20(t: Frames) -> Any:
    parts = t["part"][t["part"].p_name.str.startswith("forest")]
    lines = t["lineitem"]
    lines = lines[_within(lines.l_shipdate, "1994-01-01", "1995-01-01") & lines.l_partkey.isin(parts.p_partkey)]
    sold = _totals(lines, ["l_partkey", "l_suppkey"], quantity=("l_quantity", "sum"))
    stock = t["partsupp"].merge(sold, left_on=["ps_partkey", "ps_suppkey"], right_on=["l_partkey", "l_suppkey"])
    stock = stock[stock.ps_availqty > 0.5 * stock.quantity]
    canada = t["nation"][t["nation"].n_name == "CANADA"]
    suppliers = t["supplier"]
    found = suppliers[suppliers.s_suppkey.isin(stock.ps_suppkey) & suppliers.s_nationkey.isin(canada.n_nationkey)]
    return found[["s_name", "s_address"]].sort_values("s_name")


def _q21(t: Frames) -> Any:
    lines = t["lineitem"][["l_orderkey", "l_suppkey", "l_commitdate", "l_receiptdate"]]
    late = lines[lines.l_receiptdate > lines.l_commitdate]
    suppliers = lines.groupby("l_orderkey").l_suppkey.nunique()
    to_blame = late.groupby("l_orderkey").l_suppkey.nunique()
    alone = to_blame.index[(to_blame == 1) & (suppliers.loc[to_blame.index] > 1)]
    failed = t["orders"][t["orders"].o_orderstatus == "F"]
    late = late[late.l_orderkey.isin(alone) & late.l_orderkey.isin(failed.o_orderkey)]
    nation = t["nation"][t["nation"].n_name == "SAUDI ARABIA"]
    theirs = t["supplier"][t["supplier"].s_nationkey.isin(nation.n_nationkey)]
    found = late.merge(theirs, left_on="l_suppkey", right_on="s_suppkey")
    sums = _totals(found, ["s_name"], numwait=("l_orderkey", "size"))
    return sums.sort_values(["numwait", "s_name"], ascending=[False, True]).head(100)


def _q22(t: Frames) -> Any:
    customers = t["customer"].assign(cntrycode=t["customer"].c_phone.str[:2])
    customers = customers[customers.cntrycode.isin(["13", "31", "23", "29", "30", "18", "17"])]
    usual = customers.c_acctbal[customers.c_acctbal > 0].mean()
    found = customers[(customers.c_acctbal > usual) & ~customers.c_custkey.isin(t["orders"].o_custkey)]
    sums = _totals(found, ["cntrycode"], numcust=("c_custkey", "size"), totacctbal=("c_acctbal", "sum"))
    return sums.sort_values("cntrycode")


_ALL = (
    (_q01, _q02, _q03, _q04, _q05, _q06, _q07, _q08, _q09, _q10, _q11),
    (_q12, _q13, _q14, _q15, _q16, _q17, _q18, _q19, _q20, _q21, _q22),
)

PROGRAMS: dict[str, Callable[[Frames], Any]] = {
    program.__name__.removeprefix("_"): program for programs in _ALL for program in programs
}
