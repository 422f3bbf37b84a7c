"""TPC-H's 22 queries with the standard's validation parameters; ``queries/`` has the texts, one file each."""

from __future__ import annotations

import re
from pathlib import Path

from ...model import Query, Suite
from ...siblings import sibling
from . import frames
from .dialects import dialects
from .rows import PROGRAMS

_data = sibling("datasets.tpch")

_TITLES = {
    "q01": "pricing summary",
    "q02": "minimum cost supplier",
    "q03": "shipping priority",
    "q04": "order priority checking",
    "q05": "local supplier volume",
    "q06": "forecasting revenue change",
    "q07": "volume shipping",
    "q08": "national market share",
    "q09": "product type profit",
    "q10": "returned items",
    "q11": "important stock",
    "q12": "shipping modes and order priority",
    "q13": "customer distribution",
    "q14": "promotion effect",
    "q15": "top supplier",
    "q16": "parts and suppliers",
    "q17": "small-quantity-order revenue",
    "q18": "large volume customer",
    "q19": "discounted revenue",
    "q20": "potential part promotion",
    "q21": "suppliers who kept orders waiting",
    "q22": "global sales opportunity",
}
#: Queries whose ORDER BY leaves the order of equal sums and prices open.
_LOOSELY_ORDERED = frozenset({"q03", "q05", "q10", "q11", "q18"})


def _query(name: str) -> Query:
    sql = Path(__file__).with_name("queries").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", sql))
    return Query(
        name=name,
        title=_TITLES[name],
        tables=tuple(table for table in _data.TABLES if table in words),
        sql=sql,
        programs={"pandas": frames.PROGRAMS[name], **({"naive": PROGRAMS[name]} if name in PROGRAMS else {})},
        dialects=dialects(name, sql),
        ordered=name not in _LOOSELY_ORDERED,
    )


SUITE = Suite(
    name="tpch",
    title="TPC-H's 22 queries",
    queries=tuple(map(_query, _TITLES)),
    keys=_data.PRIMARY_KEYS,
    prepare=_data.ensure_tables,
    engines=("locality", "duckdb", "polars", "datafusion", "chdb", "hyper", "sqlite", "naive"),
    sorted_by=_data.SORTED_BY,
    parents=_data.PARENTS,
)
