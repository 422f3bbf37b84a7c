select calendar.month, calendar.day_type, reading.period, sum(reading.kwh) as kwh, count(*) as readings
from reading
join calendar on calendar.day = reading.day
group by 1, 2, 3
order by 1, 2, 3
