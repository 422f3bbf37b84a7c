"""The h2o (now DuckDB Labs) db-benchmark: its ten questions of one table, and its five joins, as two suites.

Source of the questions: https://github.com/duckdblabs/db-benchmark. Its tasks keep the whole answer in memory, and so
does a run here.
"""

from __future__ import annotations

from ...model import Suite
from ...siblings import sibling
from . import groupby, join

_data = sibling("datasets.h2o")

GROUPBY = Suite(
    name="groupby",
    title="the db-benchmark's questions of one table",
    queries=groupby.QUERIES,
    keys={_data.GROUPBY.name: _data.GROUPBY.key},
    prepare=_data.ensure_groupby,
    engines=("locality", "duckdb", "polars", "datafusion", "chdb", "hyper", "naive"),
)

JOIN = Suite(
    name="join",
    title="the db-benchmark's joins",
    queries=join.QUERIES,
    keys={table.name: table.key for table in _data.JOIN},
    prepare=_data.ensure_join,
    engines=("locality", "duckdb", "polars", "datafusion", "chdb", "hyper", "naive"),
)
