-- What every customer would pay by two tariffs, tiers left out, and for how many of them which is the cheaper.
with used as (
  select reading.customer_id as customer_id, nights.band as night_band, bands.band as day_band, sum(reading.kwh) as kwh
  from reading
  join calendar on calendar.day = reading.day
  join band as nights on nights.day_type = calendar.day_type and nights.period = reading.period
  join band as bands on bands.day_type = calendar.day_type and bands.period = reading.period
  where nights.tariff_id = 3 and bands.tariff_id = 4
  group by 1, 2, 3
), costs as (
  select used.customer_id as customer_id, sum(used.kwh * nights.price) as day_and_night, sum(used.kwh * bands.price) as three_bands
  from used
  join rate as nights on nights.band = used.night_band
  join rate as bands on bands.band = used.day_band
  where nights.tariff_id = 3 and bands.tariff_id = 4 and nights.from_kwh = 0 and bands.from_kwh = 0
  group by 1
)
select case when day_and_night < three_bands then 'day and night' else 'three bands' end as cheaper,
       count(*) as customers, sum(day_and_night) as by_day_and_night, sum(three_bands) as by_three_bands
from costs
group by 1
order by 1
