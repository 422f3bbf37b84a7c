"""What analysts ask of one table at a time, over TPC-H's data: the two largest tables, and two small ones."""

from __future__ import annotations

from ...model import Suite
from ...siblings import sibling
from . import lines, others

_data = sibling("datasets.tpch")

SUITE = Suite(
    name="scan",
    title="TPC-H data, queries over one table",
    queries=(*lines.QUERIES, *others.QUERIES),
    keys=_data.PRIMARY_KEYS,
    prepare=_data.ensure_tables,
    engines=("locality", "duckdb", "polars", "datafusion", "chdb", "hyper", "sqlite", "naive"),
    sorted_by=_data.SORTED_BY,
)
