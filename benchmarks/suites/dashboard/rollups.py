"""The stored aggregations that would be made for the dashboard by hand: by day or hour, and what its users choose."""

from __future__ import annotations

ROLLUPS = {
    "hours": """
        select date_trunc('hour', moment), kind, sum(revenue), count(revenue)
        from event group by all
    """,
    "categories_by_hour": "select date_trunc('hour', moment), category, count(*) from event group by all",
    "places": """
        select cast(moment as date), kind, country, city, sum(revenue)
        from event group by all
    """,
    "brands": "select cast(moment as date), kind, category, brand, sum(revenue) from event group by all",
    "funnels": "select cast(moment as date), country, category, kind, count(*) from event group by all",
    "channels": """
        select cast(moment as date), channel, kind, device, avg(revenue), sum(quantity)
        from event group by all
    """,
    "products": """
        select cast(moment as date), category, product_id, sum(revenue)
        from event where kind = 'purchase' group by all
    """,
    "buyers": """
        select cast(moment as date), kind, user_id, count(*), sum(revenue)
        from event where kind = 'purchase' group by all
    """,
    "systems": """
        select cast(moment as date), device, system, max(duration_ms), avg(duration_ms),
            sum(case when duration_ms > 10000 then 1 else 0 end)
        from event group by all
    """,
}
