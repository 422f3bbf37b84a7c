with usual as (
  select reading.customer_id as customer_id, calendar.weekday as weekday, reading.period as period, avg(reading.kwh) as kwh
  from reading
  join calendar on calendar.day = reading.day
  where reading.day >= date '2025-11-06'
  group by 1, 2, 3
)
select customer_id, max(kwh) as peak
from usual
group by customer_id
order by customer_id
