"""TPC-H: the standard queries over one table, and what else analysts ask of its tables."""

from __future__ import annotations

from ...model import Suite
from ...siblings import sibling
from . import lines, others, standard

_data = sibling("datasets.tpch")

SUITE = Suite(
    name="tpch",
    title="TPC-H data, queries over one table",
    queries=(*standard.QUERIES, *lines.QUERIES, *others.QUERIES),
    keys=_data.PRIMARY_KEYS,
    prepare=_data.ensure_tables,
)
