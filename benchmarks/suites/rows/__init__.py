"""What row-at-a-time costs: six questions of TPC-H's order lines, in steps from objects of an ORM to clustered columns.

``python`` and ``objects`` have the loops of interpreted Python, ``compiled`` those that numba compiles.
"""

from __future__ import annotations

from ...model import Query, Suite
from ...siblings import sibling
from . import compiled, objects, python

_data = sibling("datasets.tpch")

_TEXTS = {
    "filtered_sum": (
        "a sum over 2% of the rows (TPC-H's q06)",
        """
select sum(l_extendedprice * l_discount) as revenue
from lineitem
where l_shipdate >= date '1994-01-01' and l_shipdate < date '1995-01-01'
  and l_discount between 0.05 and 0.07 and l_quantity < 24
""",
    ),
    "grouped_sums": (
        "sums of all rows by two columns",
        """
select l_returnflag, l_linestatus, sum(l_quantity) as quantity,
       sum(l_extendedprice * (1 - l_discount)) as revenue, count(*) as lines
from lineitem
group by l_returnflag, l_linestatus
order by l_returnflag, l_linestatus
""",
    ),
    "top_lines": (
        "the ten most expensive lines",
        """
select l_orderkey, l_linenumber, l_extendedprice
from lineitem
order by l_extendedprice desc, l_orderkey, l_linenumber
limit 10
""",
    ),
    "lookup_join": (
        "all rows' sums by a column of a table looked up",
        """
select p_mfgr, sum(l_extendedprice) as price, count(*) as lines
from lineitem
join part on p_partkey = l_partkey
group by p_mfgr
order by p_mfgr
""",
    ),
    "one_order": (
        "the lines of one order, by key",
        """
select l_linenumber, l_partkey, l_quantity, l_extendedprice
from lineitem
where l_orderkey = 4003
order by l_linenumber
""",
    ),
    "distinct_parts": (
        "how many parts were ever ordered",
        "select count(distinct l_partkey) as parts from lineitem",
    ),
}


def _query(name: str, title: str, sql: str) -> Query:
    return Query(
        name=name,
        title=title,
        tables=("lineitem", "part") if name == "lookup_join" else ("lineitem",),
        sql=sql,
        programs={
            "naive": getattr(python, name),
            "objects": getattr(objects, name),
            "numba": getattr(compiled, name),
        },
        dialects={"sqlite": sql.replace("date '", "'")},
        indexed=name == "one_order",
    )


SUITE = Suite(
    name="rows",
    title="what row-at-a-time costs, step by step",
    queries=tuple(_query(name, title, sql) for name, (title, sql) in _TEXTS.items()),
    keys=_data.PRIMARY_KEYS,
    prepare=_data.ensure_tables,
    engines=(
        "locality",
        "locality_clustered",
        "duckdb",
        "sqlite",
        "postgres",
        "numba_narrow",
        "numba_columns",
        "numba_rows",
        "naive",
        "objects",
    ),
    sorted_by=_data.SORTED_BY,
    steps=("objects", "naive", "numba_rows", "numba_columns", "numba_narrow", "locality", "locality_clustered"),
)
