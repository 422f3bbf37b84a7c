"""The stored aggregations that would be made for the dashboard by hand: by what its users choose, and by day or hour.

What is compared with one value comes first, then the period, then what is shown: a tile reads rows side by side.
"""

from __future__ import annotations

ROLLUPS = {
    "hours": """
        select kind, date_trunc('hour', moment), sum(revenue), count(revenue)
        from event group by all
    """,
    "categories_by_hour": "select category, date_trunc('hour', moment), count(*) from event group by all",
    "places": """
        select kind, country, cast(moment as date), city, sum(revenue)
        from event group by all
    """,
    "countries": "select kind, cast(moment as date), country, sum(revenue) from event group by all",
    "categories": "select kind, cast(moment as date), category, sum(revenue) from event group by all",
    "brands": "select kind, category, cast(moment as date), brand, sum(revenue) from event group by all",
    "funnels": "select country, category, cast(moment as date), kind, count(*) from event group by all",
    "channels": """
        select kind, cast(moment as date), channel, device, avg(revenue), sum(quantity)
        from event group by all
    """,
    "products": """
        select category, cast(moment as date), product_id, sum(revenue)
        from event where kind = 'purchase' group by all
    """,
    "product_days": """
        select product_id, cast(moment as date), sum(revenue)
        from event where kind = 'purchase' group by all
    """,
    "buyers": """
        select kind, cast(moment as date), user_id, count(*), sum(revenue)
        from event where kind = 'purchase' group by all
    """,
    "systems": """
        select cast(moment as date), device, system, max(duration_ms), avg(duration_ms),
            sum(case when duration_ms > 10000 then 1 else 0 end)
        from event group by all
    """,
}
