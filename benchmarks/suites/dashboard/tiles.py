"""The texts of the dashboard's tiles: each has ``?`` for what its users choose, in the order of ``takes``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from . import loops
from .loops import Loop, by, by_day, highest, revenue_by


@dataclass(frozen=True)
class Tile:
    """One tile: what it shows, what its users choose (see ``choices``), its text, and the loop that says the same.

    dialects: texts of engines that can't run ``sql``; None where an engine has no form of it.
    """

    title: str
    takes: tuple[str, ...]
    sql: str
    loop: Loop
    dialects: Mapping[str, str | None] = field(default_factory=dict)


_PERIOD = "moment >= ? and moment < ?"
_BOUGHT = "sum(revenue) as revenue, count(*) as purchases"


def _revenue(key: str, *conditions: str, top: int | None = None) -> str:
    """Revenue and purchases of a period by a key, of the purchases that meet the conditions."""
    where = " and ".join((_PERIOD, "kind = 'purchase'", *conditions))
    last = f"order by revenue desc, 1 limit {top}" if top else "order by 1"
    return f"select {key}, {_BOUGHT} from event where {where} group by 1 {last}"


TILES = {
    "overview": Tile(
        "events, purchases and revenue of a day",
        ("day",),
        f"select count(*), count(revenue), sum(revenue) from event where {_PERIOD}",
        loops.overview,
    ),
    "revenue_by_hour": Tile(
        "revenue by the hour of a day",
        ("day",),
        _revenue("extract(hour from moment) as hour"),
        revenue_by(lambda row: (row["moment"].hour,)),
    ),
    "revenue_by_day": Tile(
        "revenue by day of a month", ("month",), _revenue("cast(moment as date) as day"), revenue_by(by_day)
    ),
    "revenue_by_country": Tile(
        "revenue by country in a week", ("week",), _revenue("country"), revenue_by(by("country"))
    ),
    "top_products": Tile(
        "ten best products of a category in a week",
        ("week", "category"),
        _revenue("product_id", "category = ?", top=10),
        highest(revenue_by(by("product_id"), category="category"), 10),
    ),
    "top_cities": Tile(
        "ten best cities of a country in a month",
        ("month", "country"),
        _revenue("city", "country = ?", top=10),
        highest(revenue_by(by("city"), country="country"), 10),
    ),
    "brand_share": Tile(
        "a category's brands in a quarter",
        ("quarter", "category"),
        _revenue("brand", "category = ?"),
        revenue_by(by("brand"), category="category"),
    ),
    "one_product": Tile(
        "one product's revenue by day of a quarter",
        ("quarter", "product"),
        _revenue("cast(moment as date) as day", "product_id = ?"),
        revenue_by(by_day, product_id="product"),
    ),
    "conversion": Tile(
        "views, carts and purchases by channel in a week",
        ("week",),
        f"""
select channel, count(*) filter (where kind = 'view') as views, count(*) filter (where kind = 'cart') as carts,
       count(*) filter (where kind = 'purchase') as purchases
from event where {_PERIOD} group by channel order by channel
""",
        loops.conversion,
    ),
    "funnel": Tile(
        "a category's funnel in a country, of a month",
        ("month", "country", "category"),
        f"select kind, count(*) from event where {_PERIOD} and country = ? and category = ? group by 1 order by 1",
        loops.funnel,
    ),
    "users_of_a_day": Tile(
        "different users of a day",
        ("day",),
        f"select count(distinct user_id), count(*) from event where {_PERIOD}",
        loops.users_of_a_day,
    ),
    "users_by_country": Tile(
        "different users by country in a week",
        ("week",),
        f"select country, count(distinct user_id) from event where {_PERIOD} group by country order by country",
        loops.users_by_country,
    ),
    "history": Tile(
        "one user's last twenty events of a quarter",
        ("quarter", "user"),
        f"""
select event_id, moment, kind, product_id, revenue
from event where {_PERIOD} and user_id = ? order by event_id desc limit 20
""",
        loops.history,
    ),
    "slow_systems": Tile(
        "time on a page by device and system in a day",
        ("day",),
        f"""
select device, system, max(duration_ms), avg(duration_ms), sum(case when duration_ms > 10000 then 1 else 0 end)
from event where {_PERIOD} group by device, system order by device, system
""",
        loops.slow_systems,
    ),
    "quantiles": Tile(
        "median and 95th percentile of time by category in a week",
        ("week",),
        f"""
select category, quantile_disc(duration_ms, 0.5), quantile_disc(duration_ms, 0.95)
from event where {_PERIOD} group by category order by category
""",
        loops.quantiles,
        {"sqlite": None},
    ),
    "large_purchases": Tile(
        "ten largest purchases of a country in a week",
        ("week", "country"),
        f"""
select event_id, user_id, product_id, quantity, revenue
from event where {_PERIOD} and country = ? and revenue is not null order by revenue desc, event_id limit 10
""",
        loops.large_purchases,
    ),
    "two_weeks": Tile(
        "this week's revenue and the last's by category",
        ("fortnight",),
        """
select category, sum(case when moment < ? then revenue end), sum(case when moment >= ? then revenue end)
from event where moment >= ? and moment < ? and kind = 'purchase' group by category order by category
""",
        loops.two_weeks,
    ),
    "baskets": Tile(
        "mean basket by device and channel in a month",
        ("month",),
        f"""
select device, channel, avg(revenue), sum(quantity)
from event where {_PERIOD} and kind = 'purchase' group by device, channel order by device, channel
""",
        loops.baskets,
    ),
    "heat": Tile(
        "a category's events by weekday and hour, of a quarter",
        ("quarter", "category"),
        f"""
select extract(isodow from moment), extract(hour from moment), count(*)
from event where {_PERIOD} and category = ? group by 1, 2 order by 1, 2
""",
        loops.heat,
    ),
    "repeat_buyers": Tile(
        "who spent the most in several purchases of a month",
        ("month",),
        f"""
select user_id, count(*) as purchases, sum(revenue) as spent
from event where {_PERIOD} and kind = 'purchase' group by user_id having count(*) > 1
order by spent desc, user_id limit 10
""",
        loops.repeat_buyers,
    ),
}
