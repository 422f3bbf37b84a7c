"""The queries for engines that can't run the standard's text."""

from __future__ import annotations

import re
from collections.abc import Mapping

# In SQLite dates are ISO text and decimals binary floating-point numbers.
_SQLITE = (
    (r"date '([\d-]+)' ([+-]) interval (\d+) (\w+)", r"date('\1', '\2\3 \4')"),
    (r"date '([\d-]+)'", r"'\1'"),
    (r"extract\(year from (\w+)\)", r"cast(substr(\1, 1, 4) as integer)"),
    (r"substring\((\w+) from (\d+) for (\d+)\)", r"substr(\1, \2, \3)"),
)

_SQLITE_PARTICULAR: Mapping[str, tuple[tuple[str, str], ...]] = {
    # A subquery has no list of column names.
    "q13": (("count(o_orderkey)", "count(o_orderkey) as c_count"), ("as c_orders (c_custkey, c_count)", "as c_orders")),
}


# 0.06 + 0.01 is less than 0.07 in binary, which is what these engines take such constants for.
_BINARY = ("sqlite", "chdb")
_SUMS = ("0.06 - 0.01 and 0.06 + 0.01", "0.05 and 0.07")


def dialects(name: str, sql: str) -> dict[str, str]:
    """The other texts of the query of this name, by engine."""
    found = {"sqlite": _for_sqlite(name, sql)}
    if _SUMS[0] in sql:
        found |= {engine: found.get(engine, sql).replace(*_SUMS) for engine in _BINARY}
    return found


def _for_sqlite(name: str, sql: str) -> str:
    for pattern, replacement in _SQLITE:
        sql = re.sub(pattern, replacement, sql)
    for old, new in _SQLITE_PARTICULAR.get(name, ()):
        sql = sql.replace(old, new)
    return sql
