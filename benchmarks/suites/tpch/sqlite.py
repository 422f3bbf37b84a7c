"""The queries in SQLite's dialect, where dates are ISO text and decimals binary floating-point numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping

_RULES = (
    (r"date '([\d-]+)' ([+-]) interval (\d+) (\w+)", r"date('\1', '\2\3 \4')"),
    (r"date '([\d-]+)'", r"'\1'"),
    (r"extract\(year from (\w+)\)", r"cast(substr(\1, 1, 4) as integer)"),
    (r"substring\((\w+) from (\d+) for (\d+)\)", r"substr(\1, \2, \3)"),
)

_PARTICULAR: Mapping[str, tuple[tuple[str, str], ...]] = {
    # 0.06 + 0.01 is less than 0.07 in binary.
    "q06": (("0.06 - 0.01 and 0.06 + 0.01", "0.05 and 0.07"),),
    # A subquery has no list of column names.
    "q13": (("count(o_orderkey)", "count(o_orderkey) as c_count"), ("as c_orders (c_custkey, c_count)", "as c_orders")),
}


def translated(name: str, sql: str) -> str:
    """The text of the query of this name for SQLite."""
    for pattern, replacement in _RULES:
        sql = re.sub(pattern, replacement, sql)
    for old, new in _PARTICULAR.get(name, ()):
        sql = sql.replace(old, new)
    return sql
