with used as (
  select customer.customer_id as customer_id, customer.tariff_id as tariff_id, calendar.month as month,
         band.band as band, sum(reading.kwh) as kwh
  from reading
  join customer on customer.customer_id = reading.customer_id
  join calendar on calendar.day = reading.day
  join band on band.tariff_id = customer.tariff_id
           and band.day_type = calendar.day_type
           and band.period = reading.period
  group by 1, 2, 3, 4
), charged as (
  select used.customer_id as customer_id, used.tariff_id as tariff_id, used.month as month,
         sum((case when used.kwh < rate.to_kwh then used.kwh else rate.to_kwh end - rate.from_kwh) * rate.price) as energy
  from used
  join rate on rate.tariff_id = used.tariff_id and rate.band = used.band and rate.from_kwh < used.kwh
  group by 1, 2, 3
), months as (
  select month, count(*) as days from calendar group by month
)
select charged.customer_id, charged.month,
       round(charged.energy + months.days * tariff.standing_charge, 2) as amount
from charged
join tariff on tariff.tariff_id = charged.tariff_id
join months on months.month = charged.month
order by 1, 2
