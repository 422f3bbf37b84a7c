"""Locality inside of plain DuckDB connections, by an extension that is compiled on request; see docs/duckdb.md."""

from __future__ import annotations

from locality.duckdb.native.building import build
from locality.duckdb.native.hook import Hook, install

__all__ = ["Hook", "build", "install"]
