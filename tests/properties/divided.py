"""Random queries of which no engine of ours has a plan as a whole, but of parts of them."""

from __future__ import annotations

import hypothesis.strategies as st

#: Holds for every row, and has no plan.
VOLATILE = "random() >= 0"
#: Sources of rows with columns a, v and b; ``loose`` has no layout.
_SIMPLE = ("t", "u", "loose")
_CONDITIONS = ("{0}.a < 40", "{0}.v > 3 and {0}.v between 0 and 300", "{0}.b = 'x3' or {0}.a is null", VOLATILE)
_JOINS = ("join", "left join", "inner join")


@st.composite
def _conditions(draw: st.DrawFn, name: str) -> str:
    return " and ".join(each.format(name) for each in draw(st.lists(st.sampled_from(_CONDITIONS), max_size=2)))


@st.composite
def _derived(draw: st.DrawFn, tables: tuple[str, ...]) -> str:
    name = draw(st.sampled_from(tables))
    condition = draw(_conditions(name))
    where = f" where {condition}" if condition else ""
    return draw(
        st.sampled_from(
            [
                f"select a, v, b from {name}{where}",
                f"select a, sum(v) as v, max(b) as b from {name}{where} group by a",
                f"select distinct a, v, b from {name}{where}",
                f"select {name}.* from {name}{where} union all select a, v, b from u where a < 3",
                f"select a, v, b from {name}{where} order by all limit 20",
            ]
        )
    )


@st.composite
def _from(draw: st.DrawFn, tables: tuple[str, ...]) -> tuple[str, str]:
    """FROM with tables called p and q, and conditions."""
    sources = [draw(st.one_of(st.sampled_from(tables), st.builds("({})".format, _derived(tables)))) for _ in range(2)]
    condition = draw(st.one_of(_conditions("p"), _conditions("q")))
    match draw(st.integers(0, 3)):
        case 0:
            extra = f" and {condition}" if condition else ""
            return f"{sources[0]} p, {sources[1]} as q", f"p.a = q.a{extra}"
        case 1:
            return f"{sources[0]} p {draw(st.sampled_from(_JOINS))} {sources[1]} q using (a)", condition
        case 2:
            return f"{sources[0]} p {draw(st.sampled_from(_JOINS))} {sources[1]} q on p.a = q.a", condition
        case _:
            return (
                f"{sources[0]} p, {sources[1]} q, loose z",
                f"p.a = q.a and z.a = q.a{condition and ' and '}{condition}",
            )


@st.composite
def queries(draw: st.DrawFn) -> str:
    """One query; its rows have no order."""
    prefix, tables = "", _SIMPLE
    for name in draw(st.sampled_from([(), ("c",), ("c", "d")])):
        materialized = draw(st.sampled_from(["", "materialized "]))
        prefix += f"{', ' if prefix else 'with '}{name} as {materialized}({draw(_derived(tables))})"
        tables += (name,)
    tables_text, condition = draw(_from(tables))
    clauses = f"from {tables_text}" + (f" where {condition}" if condition else "")
    body = draw(
        st.sampled_from(
            [
                f"select p.a, q.v, p.b {clauses}",
                f"select p.a + 1, q.v as total, upper(p.b) {clauses}",
                f"select p.*, q.v {clauses}",
                f"select * {clauses}",
                f"select p.b, count(*), sum(q.v) {clauses} group by p.b having count(*) > 1",
                f"select count(*) filter ({VOLATILE}), min(p.v), max(q.b) {clauses}",
                f"select p.b, q.v, row_number() over (partition by p.b, q.v order by p.a) > 0 {clauses}",
                f"select p.a, p.b {clauses} order by 1, 2 limit 5",
                f"select p.a from {tables[-1]} p where p.a in (select u.a from u where u.v > 20) and {VOLATILE}",
                f"select p.a from {tables[-1]} p where exists (select 1 from t where t.a = p.a and t.v > 5)",
                f"select p.b, (select max(u.v) from u where u.a = p.a) as top {clauses}",
            ]
        )
    )
    return f"{prefix} {body}"
