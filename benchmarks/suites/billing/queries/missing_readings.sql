select customer_id, day, 96 - count(*) as missing
from reading
group by customer_id, day
having count(*) < 96
order by customer_id, day
