"""The drop-in layer: a DuckDB connection whose queries Locality answers where it can; see docs/duckdb.md."""

from __future__ import annotations

from locality.duckdb.connection import AttachedConnection
from locality.duckdb.opening import attach, explain
from locality.duckdb.relation import AttachedRelation

__all__ = ["AttachedConnection", "AttachedRelation", "attach", "explain"]
