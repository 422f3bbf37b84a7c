"""TPC-H's tables at scale 1 as the optimizer sees them: what the standard says of keys and numbers of values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from locality._suites.datasets.tpch import PRIMARY_KEYS
from locality.optimizer.estimate import Estimate, guess
from locality.plan.expressions import Expression
from locality.plan.nodes import Scan
from tests.optimizer.plain import Plain

_ROWS = {
    "region": 5,
    "nation": 25,
    "supplier": 10_000,
    "customer": 150_000,
    "part": 200_000,
    "partsupp": 800_000,
    "orders": 1_500_000,
    "lineitem": 6_001_215,
}
#: Columns that have fewer values than the rows of their table; a key has those of the table that it refers to.
_VALUES = {
    "c_nationkey": 25,
    "s_nationkey": 25,
    "n_regionkey": 5,
    "o_custkey": 99_996,
    "o_orderstatus": 3,
    "ps_partkey": 200_000,
    "ps_suppkey": 10_000,
    "l_partkey": 200_000,
    "l_suppkey": 10_000,
    "l_orderkey": 1_500_000,
    "p_brand": 25,
    "p_type": 150,
    "p_size": 50,
    "p_container": 40,
    "c_mktsegment": 5,
    "o_orderdate": 2406,
    "l_shipdate": 2526,
    "l_commitdate": 2466,
    "l_receiptdate": 2554,
    "l_shipmode": 7,
    "l_shipinstruct": 4,
    "l_quantity": 50,
    "l_discount": 11,
    "l_returnflag": 3,
    "l_linestatus": 2,
    "o_orderpriority": 5,
}
_REFERENCES = {
    ("nation", "n_regionkey", "region", "r_regionkey"),
    ("supplier", "s_nationkey", "nation", "n_nationkey"),
    ("customer", "c_nationkey", "nation", "n_nationkey"),
    ("partsupp", "ps_partkey", "part", "p_partkey"),
    ("partsupp", "ps_suppkey", "supplier", "s_suppkey"),
    ("orders", "o_custkey", "customer", "c_custkey"),
    ("lineitem", "l_orderkey", "orders", "o_orderkey"),
    ("lineitem", "l_partkey", "part", "p_partkey"),
    ("lineitem", "l_suppkey", "supplier", "s_suppkey"),
}
_RAW = {f"{table}_{name}" for table in "sc" for name in ("name", "address", "phone", "comment")} | {"o_comment"}


@dataclass(frozen=True)
class Standard(Plain):
    """The :class:`~locality.optimizer.statistics.Statistics` of tables with these ``columns``."""

    columns: Mapping[str, Sequence[str]]

    def rows(self, table: str) -> int:
        return _ROWS[table]

    def distinct(self, table: str, column: int) -> int:
        return _VALUES.get(self.columns[table][column], _ROWS[table])

    def has_nulls(self, table: str, column: int) -> bool:
        return False

    def is_raw(self, table: str, column: int) -> bool:
        return self.columns[table][column] in _RAW

    def unique_keys(self, table: str) -> Sequence[frozenset[int]]:
        return [frozenset(self.columns[table].index(name) for name in PRIMARY_KEYS[table])]

    def refers_to(self, table: str, columns: Sequence[int], parent: str, parents: Sequence[int]) -> bool:
        pairs = [(self.columns[table][a], self.columns[parent][b]) for a, b in zip(columns, parents, strict=True)]
        return len(pairs) == 1 and (table, pairs[0][0], parent, pairs[0][1]) in _REFERENCES

    def selectivity(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        domains = tuple(float(self.distinct(scan.table, column)) for column in scan.columns)
        below = Estimate(float(self.rows(scan.table)), domains, float(self.rows(scan.table)))
        return math.prod(guess(term, below) for term in conjuncts)
