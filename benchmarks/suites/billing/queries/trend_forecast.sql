with months as (
  select reading.customer_id as customer_id, calendar.month as month, sum(reading.kwh) as kwh
  from reading
  join calendar on calendar.day = reading.day
  group by 1, 2
), sums as (
  select customer_id, count(*) as n, sum(month) as x, sum(month * month) as xx, sum(kwh) as y, sum(month * kwh) as xy
  from months
  group by 1
  having count(*) > 1
)
select customer_id,
       cast(n * xy - x * y as double precision) / (n * xx - x * x) as slope,
       cast(y as double precision) / n + cast(n * xy - x * y as double precision) / (n * xx - x * x) * (13 - cast(x as double precision) / n) as next_month
from sums
order by customer_id
