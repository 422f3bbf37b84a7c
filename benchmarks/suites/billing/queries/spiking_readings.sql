with usual as (
  select customer_id, sum(kwh) as total, count(*) as readings
  from reading
  group by customer_id
)
select reading.customer_id, reading.day, reading.period, reading.kwh
from reading
join usual on usual.customer_id = reading.customer_id
where reading.kwh * usual.readings > 20 * usual.total
order by 1, 2, 3
