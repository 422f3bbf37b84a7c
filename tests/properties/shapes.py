"""Queries that Locality's own operators must answer, over the columns of :mod:`tests.properties.fixed`.

A shape that DuckDB answers instead is a defect, even if the answer is right.
Text in braces is a constant: see CONSTANTS.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Source = random.Random

CONSTANTS: Mapping[str, Callable[[Source], str]] = {
    "qty": lambda source: str(source.randint(-25, 45)),
    "big": lambda source: str(source.choice((-(2**63), -1, 0, 5, 2**63 - 1))),
    "id": lambda source: str(source.randint(-(2**63), 2**63 - 1) >> source.randint(0, 62)),
    "price": lambda source: f"{source.randint(-300, 5000)}.{source.randint(0, 99):02}",
    "day": lambda source: f"date '1997-05-19' + {source.randint(0, 70)}",
    "ts": lambda source: f"timestamp '1970-01-01 11:06:{source.randint(40, 59)}'",
    "f": lambda source: str(source.randint(-8000, 8000) / 4),
    "k": lambda source: "'" + source.choice(("a", "ab", "é", "zebra", "", "x", "b")) + "'",
    "raw": lambda source: f"'{source.randint(0, 15):x}'",
    "n": lambda source: str(source.randint(0, 20)),
}


@dataclass(frozen=True)
class Shape:
    """A query with constants to fill in; ``ordered`` if it says in which order all its rows are."""

    sql: str
    ordered: bool = False

    def fill(self, source: Source) -> str:
        """The query with constants."""
        text = self.sql
        for name, make in CONSTANTS.items():
            while f"{{{name}}}" in text:
                text = text.replace(f"{{{name}}}", make(source), 1)
        return text


_FILTERED = (
    "select id from t where qty = {qty}",
    "select id, tiny, k from t where tiny <> {qty} and k >= {k}",
    "select big from t where big between {big} and 9223372036854775807",
    "select id from t where id > {id} or qty in (1, {qty}, {qty}, null)",
    "select count(*) from t where not (day < {day} or flag)",
    "select day, ts from t where ts <= {ts} and day is distinct from {day}",
    "select f, odd from t where f > {f} or odd > {f}",
    "select odd from t where odd = 'nan' or odd = 'inf' or odd = 0",
    "select price from t where price between {price} and 4000",
    "select k from t where k like '%e%' or k in ({k}, {k})",
    "select k from t where k not like 'a_' and k is not null",
    "select raw from t where raw like '%e%'",
    "select raw, id from t where raw >= {raw} and qty > {qty}",
    "select wide from t where qty = {qty}",
    "select bytes from t where bytes > '\\x01'::blob",
    "select id from t where nothing is null and run % 7 = 3",
    "select id from t where nothing = 1",
    "select same from t where same = {n}",
    "select id from t where case when flag then qty > {qty} when tiny is null then k = {k} else run > {n} end",
    "select id from t where tiny < qty and rate >= price",
    "select id from t where coalesce(tiny, {n}) = {n}",
    "select count(*) from t where u > {n} and f4 < 1 and rate < 9.5",
    "select id from t where upper(k) = 'AB' or length(k) > 5",
    "select id from t where (qty < {qty} or qty > 30) and not (tiny > {n} or tiny is null)",
    "select id from t where raw between {raw} and 'f' and length(raw) > 5",
    "select id from t where starts_with(k, 'a') or contains(raw, 'zebra') or regexp_matches(k, '^z')",
    "select id from t where year(day) = 1997 and month(ts) = 1",
)
_COMPUTED = (
    "select qty + 1 as a, qty * tiny as b, -run as c, qty - {n} as d from t",
    "select tiny % 5 as m, run // 3 as d, qty / 4 as q, u % 10 as z from t",
    "select price * (1 - rate) as p, price + 1.5 as s from t where price < {price}",
    "select f * 2 + 1 as a, f4 * f4 as b, odd + f as c, f / odd as d from t",
    "select case when tiny > {n} then 'big' when tiny is null then null else k end as c from t",
    "select coalesce(tiny, qty) as c, nullif(qty, {qty}) as n, greatest(tiny, qty) as g, least(f, odd) as l from t",
    "select qty::bigint as a, qty::double as b, tiny::varchar as c, rate::integer as d, flag::integer as e from t",
    "select upper(k) as u, length(k) as l, substr(k, 2, 2) as s, k || '!' as c from t",
    "select year(day) as y, date_trunc('month', ts) as m, day + 3 as d from t",
    "select tiny = qty as e, flag and tiny > {n} as a, not flag as n, k is null as i from t",
)
_TOTALS = (
    "select count(*), count(tiny), count(nothing) from t",
    "select sum(qty), avg(qty), min(qty), max(qty) from t where qty <> {qty}",
    "select sum(big), min(big), max(big), sum(u), avg(u) from t",
    "select sum(price), avg(price), min(price), max(price) from t where rate < {n}",
    "select sum(price * rate), sum(qty * (1 - tiny)) from t where day >= {day}",
    "select sum(f), avg(f), min(f), max(f), min(odd), max(odd) from t",
    "select min(k), max(k), min(day), max(ts), min(flag), max(flag) from t",
    "select count(*) filter (where flag), sum(qty) filter (where k = {k}), max(f) filter (where tiny > {n}) from t",
    "select sum(case when flag then qty else 0 end), sum(tiny) from t where run > {n}",
    "select count(distinct qty) from t",
    "select count(distinct k), count(*), sum(qty) from t where qty < {qty}",
    "select sum(nothing), avg(nothing), min(nothing), count(nothing) from t",
    "select count(*), sum(qty), min(k) from t where qty > 1000",
    "select stddev(f), var_pop(f4) from t where f > {f}",
    "select count(distinct raw), count(distinct id) from t",
    "select count(distinct f), sum(qty) from t",
    "select min(raw), max(raw), min(bytes), max(bytes) from t where raw < {raw}",
    "select bool_and(flag), bool_or(flag), count(*) filter (where wide is not null) from t",
    "select stddev(qty), variance(tiny), var_pop(run), stddev_pop(qty) from t",
)
_GROUPED = (
    "select tiny, count(*), sum(qty) from t group by tiny",
    "select k, avg(f), min(price), max(raw) from t where qty > {qty} group by k",
    "select flag, k, count(tiny) from t group by flag, k",
    "select run, sum(rate), max(day) from t group by run having count(*) > {n}",
    "select day, count(*) filter (where flag) from t group by day",
    "select year(day) as y, month(ts) as m, sum(qty) from t group by y, m",
    "select qty % 3 as r, sum(u), avg(price) from t where tiny is not null group by r",
    "select upper(k) as u, count(*) from t group by u",
    "select qty, count(distinct k) from t group by qty",
    "select nothing, same, count(*) from t group by nothing, same",
    "select rate, sum(qty), sum(f4), avg(tiny) from t group by rate",
    "select f4, count(*) from t group by f4",
    "select bytes, count(*) from t group by bytes",
    "select case when tiny > {n} then 1 else 0 end as c, count(*) from t group by c",
    "select id, count(*), sum(qty) from t group by id",
    "select raw, count(*), min(f) from t group by raw",
    "select id, raw, k, max(price) from t where qty < {qty} group by id, raw, k",
    "select f, count(*) from t group by f",
    "select odd, count(*), sum(qty) from t group by odd",
    "select big, count(*) from t group by big having count(*) >= {n}",
    "select u, ts, count(tiny) from t group by u, ts",
    "select distinct id, f from t",
    "select distinct raw from t where raw like '%e%'",
    "select tiny, stddev(f), var_samp(f) from t group by tiny",
    "select distinct tiny, flag from t",
    "select distinct k from t where qty < {qty}",
)
_ORDERED = (
    "select id, qty from t where qty < {qty} order by id, qty",
    "select tiny, qty from t where qty > {qty} order by tiny desc nulls first, qty",
    "select odd, id from t order by odd desc nulls last, id",
    "select k, id from t order by k nulls first, id desc limit {n}",
    "select tiny, id from t where flag order by tiny desc, id limit 10 offset {n}",
    "select id, raw, wide from t order by id desc, raw, wide limit {n}",
    "select f, id from t where qty > {qty} order by f desc, id limit 5",
    "select day, k, qty from t order by day, k desc, qty limit 10",
    "select raw, id from t where qty > {qty} order by raw, id",
    "select raw, id from t order by raw desc nulls last, id limit 9",
    "select big, u, id from t order by big desc, u, id limit {n} offset 3",
    "select id, count(*) as n from t group by id order by n desc, id limit 5",
    "select wide, id from t order by wide desc nulls last, id limit 4",
    "select tiny, sum(qty) as s from t group by tiny order by s desc, tiny limit {n}",
    "select k, count(*) from t group by k having count(*) > {n} order by k desc nulls last",
    "select distinct qty from t order by qty desc limit 5 offset 2",
    "select tiny + qty as a, id from t order by a, id limit 7",
)
_NESTED = (
    "select count(*), sum(n), max(s) from (select tiny, count(*) n, sum(qty) s from t group by tiny)",
    "select n, count(*) from (select k, count(*) n from t where qty > {qty} group by k) group by n",
    "select tiny, s + 1 from (select tiny, sum(qty) s from t group by tiny) where s > {n} order by 1",
    "select avg(m) from (select run, max(f) m from t group by run)",
    "select count(*) from (select distinct tiny, k from t)",
    "select sum(qty) from (select qty from t order by id, qty limit 20)",
    "with some as (select k, qty * 2 as q from t where qty > {qty}) select k, sum(q) from some where q < 90 group by k",
)
_EVERYTHING = (
    "select * from t",
    "select count(*) from t",
    "select 1 as one, qty from t",
    "select id, id, qty as id from t",
)

SHAPES = (
    *(Shape(sql) for sql in (*_EVERYTHING, *_FILTERED, *_COMPUTED, *_TOTALS, *_GROUPED)),
    *(Shape(sql, True) for sql in _ORDERED),
    *(Shape(sql) for sql in _NESTED),
)
