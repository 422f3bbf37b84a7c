"""Queries whose plans are kept as golden files: one a kind of operator or expression that the decoder knows.

Each supported version of DuckDB has a directory of them, with its plans as it writes them.
``python -m tests.sql.golden_queries`` writes those of the version that is installed again; read the difference before
you commit it.
"""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from locality.sql.decode import decode_plan
from locality.sql.shadow import Shadow
from locality.sql.versions import Version
from tests.sql.notation import plan_text
from tests.sql.tables import TABLES

_GOLDEN = Path(__file__).parent / "golden"
#: By number of a version, also for those after it.
DIRECTORIES = {"1.5.5": _GOLDEN / "1.5", "2.0.0": _GOLDEN / "2.0"}
INSTALLED = next(number for number in reversed(DIRECTORIES) if int(duckdb.__version__[0]) >= int(number[0]))
QUERIES = {
    "scan": "select a, s from t",
    "scan_without_columns": "select count(*) from t",
    "row_ids": "select rowid, a from t where rowid between 3 and 5",
    "constant_rows": "select 1, 'x' from t",
    "filter_range": "select a from t where d between date '1994-01-01' and date '1995-01-01'",
    "filter_or": "select a from t where s is null or s = 'x' or s like '%y%'",
    "filter_in": "select a from t where s in ('x', 'y')",
    "filter_not_in": "select a from t where a not in (1, 5, 9)",
    "filter_two_columns": "select a from t where a < b and s > 'k'",
    "filter_three_valued": "select a from t where not (bo and a > 1) or bo is null",
    "filter_boolean": "select a from t where bo",
    "filter_decimal": "select a from t where m >= 1.5 and w < 12345678901234567890.125",
    "filter_float": "select a from t where f < 0.1 or f = 'nan'",
    "filter_blob": "select a from t where bl = '\\x00\\xFFab'::blob",
    "filter_timestamp": "select a from t where ts >= '2020-01-01' and tz < '2020-01-01 00:00:00+00'::timestamptz",
    "filter_hugeint": "select a from t where h > 170141183460469231731687303715884105726",
    "distinct_from": "select a is distinct from b, s is not distinct from 'x' from t",
    "arithmetic": "select a + 1, b * 2, a // 3, a % 4, -a, a / b, m * m, m + 1, m - w, f / 2 from t",
    "bits": "select a & 1, a | 2, xor(a, 3), ~a, a << 1, a >> 1 from t",
    "case_when": "select case when a > 1 then 'x' when bo then s else null end, case a when 1 then 2 else b end from t",
    "between_of_case": "select a from t where (case when a > 0 then b / a end) between 0.5 and f",
    "null_without_type": "select x is null, x = 1, a from (select null as x, a from t)",
    "rows": "select (a, s) = (1, 'x'), (a, b) in ((1, null), (b, 2)), (a, b, s) < (b, a, 'k'), (a, b) >= (1, 2) from t",
    "asof": "select t.a, u.b from t asof left join u on t.s = u.s and t.d >= u.d",
    "positional": "select t.a, u.s from t positional join u",
    "unnest": "select s, unnest([a, b, 7]) as v, unnest(['x', 'y']) as w from t",
    "unpivot": "unpivot (select s, a, b::integer as b from t) on a, b into name n value v",
    "series": "select i, x from range(2, 9, 3) r(i), unnest(['x', null]) u(x)",
    "series_of_times": "from generate_series(timestamp '2024-01-31', timestamp '2024-03-31', interval 1 month)",
    "distinct_on": "select distinct on (a) a, b, s from t order by a, b desc, s",
    "marks_of_constants": "select 5 in (select a from t), 7 not in (select b from u), null in (select a from u)",
    "coalesce": "select coalesce(a, b, 0), ifnull(s, 'none'), nullif(a, 0) from t",
    "casts": "select a::bigint, s::date, try_cast(s as integer), m::double, m::decimal(18, 1), d::timestamp from t",
    "constants": "select null::date, true, 1.25, -1e10, 'nan'::double, '-inf'::float, interval '1 month 3 us' from t",
    "dates": "select year(d), extract(dow from d), date_trunc('month', d), d + 1, d - interval 1 month, d - d from t",
    "strings": "select upper(s), length(s), s || 'x', substring(s, 2, 3), s[1], trim(s), replace(s, 'a', 'b') from t",
    "like": "select s like 'a%', s like '%a', s like '%a%', s like 'a_c', s ilike 'A%', s not like 'a%b%c' from t",
    "regexp": "select regexp_matches(s, 'a.*b'), s similar to 'ab?', regexp_replace(s, 'a', 'b', 'g') from t",
    "aggregate": "select count(*), count(a), sum(a), avg(m), min(s), max(d), sum(f), stddev(a), var_pop(a) from t",
    "aggregate_filter": "select sum(a) filter (where b > 1), count(distinct s), sum(distinct a) from t",
    "group_by": "select s, d + 1, count(*) from t group by s, d + 1 having count(*) > 2",
    "distinct": "select distinct a, s from t",
    "order_by": "select a from t order by b desc, s nulls first",
    "top_n": "select a, sum(m) from t group by a order by 2 desc, 1 limit 10 offset 5",
    "limit": "select a from t limit 3",
    "nested_select": "select n, count(*) from (select a, count(*) as n from t where b > 0 group by a) group by n",
    "cte": "with c as (select a, m from t where a > 0) select sum(m) from c where a < 10",
    "inner_join": "select t.s, u.d from t join u on t.a = u.a and t.s is not distinct from u.s and t.b < u.b",
    "left_join": "select t.s, u.d from t left join u on t.a = u.a and (t.b = 5 or u.b = 3)",
    "right_join": "select t.s, u.d from t right join u on t.a = u.a and t.s = 'x'",
    "full_join": "select t.s, u.d from t full join u using (a)",
    "join_by_expression": "select t.s, u.d from t left join u on t.a + u.a = 5",
    "join_on_true": "select t.s, u.d from t left join u on true",
    "cross_product": "select t.a, u.a from t, u",
    "semi_join": "select s, a from t semi join u on t.a = u.a and t.b < u.b",
    "anti_join": "select s, a from t anti join u on t.a = u.a",
    "in_subquery": "select s from t where a in (select a from u where b > 1)",
    "not_in_subquery": "select s from t where a not in (select a from u)",
    "in_as_a_value": "select a in (select a from u), b from t",
    "in_correlated": "select a in (select a from u where u.s = t.s) from t",
    "in_either": "select a from t where a in (select a from u) or b in (select b from u)",
    "exists": "select a from t where exists (select 1 from u where u.a = t.a)",
    "exists_uncorrelated": "select a from t where exists (select 1 from u)",
    "exists_by_inequality": "select s from t where exists (select 1 from u where u.a > t.a)",
    "not_exists": "select a from t where not exists (select 1 from u where u.a = t.a and u.b <> t.b)",
    "scalar_subquery": "select a, (select b from u where u.a = t.a) from t",
    "scalar_uncorrelated": "select a, (select b from u where u.s = 'x') from t",
    "scalar_aggregate": "select a from t where b > (select avg(b) from u)",
    "scalar_aggregate_correlated": "select a, (select max(b) from u where u.a < t.a) from t",
    "scalar_count_correlated": "select a, (select count(*) from u where u.a = t.a) from t",
    "all_subquery": "select a from t where b >= all (select b from u)",
    "lateral": "select t.a, x.b from t, lateral (select b from u where u.a = t.a order by b limit 1) x",
    "union": "select a, s from t union all select b, s from u union all select 1, 'x'",
    "union_distinct": "select a from t union select b from u",
    "except": "select a, s from t except select a, s from u",
    "intersect_all": "select a, s from t intersect all select a, s from u",
    "values": "select * from (values (1, 'x'), (2, null)) v(k, l) where k in (select a from t)",
    "values_computed": "select * from (select a from t where a = 1), lateral (values (a + 1), (5))",
    "select_without_from": "select 1, 'x'",
    "never_true": "select a, s from t where 1 = 0",
    "describe": "describe t",
    "cte_shared": "with c as materialized (select s, a from t) select x.s, y.s from c x, c y where x.a = y.a",
    "cte_in_a_cte": "with c as materialized (select a, s from t), d as materialized (select a from c) "
    "select * from c, d union all select * from c, d",
    "window": "select a, sum(b) over (partition by s order by d rows between 3 preceding and current row) from t",
    "window_functions": "select row_number() over w, rank() over w, dense_rank() over w, ntile(4) over w, "
    "lag(a, 2, 0) over w, lead(s ignore nulls) over w, nth_value(s, 2) over w from t "
    "window w as (partition by d order by b desc nulls first)",
    "window_frames": "select count(distinct a) filter (where bo) over (order by a range between 5 preceding and "
    "1 following exclude ties), min(a) over (order by b groups between 1 preceding and unbounded following) from t",
    "qualify": "select a from t qualify rank() over (order by a) = 1",
    "tpch_6": "select sum(m * w) from t where d >= date '1994-01-01' and m between 5 and 7 and a < 24",
}


def regenerate() -> None:
    """Write every golden file."""
    shadow, raw = Shadow({}), Shadow({})
    raw._version = Version()
    for each in (shadow, raw):
        each.sync(TABLES)
    for name, sql in QUERIES.items():
        decoded = plan_text(decode_plan(shadow.serialized_plan(sql))).split("\n")
        golden = {"duckdb": duckdb.__version__, "sql": sql, "decoded": decoded, "plan": raw.serialized_plan(sql)}
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items())
        (DIRECTORIES[INSTALLED] / f"{name}.json").write_text("{" + lines + "}\n", encoding="utf-8")


if __name__ == "__main__":
    regenerate()
