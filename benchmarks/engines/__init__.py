"""The engines by name; a new one is a module here and an entry in ``ENGINES``."""

from __future__ import annotations

from collections.abc import Mapping

from .base import Answer, Engine, Extrapolation, Ledger
from .duckdb import DuckDBEngine
from .locality import LocalityEngine
from .naive import NaiveEngine
from .sqlite import SQLiteEngine

ENGINES: Mapping[str, type[Engine]] = {
    engine.name: engine for engine in (LocalityEngine, DuckDBEngine, SQLiteEngine, NaiveEngine)
}

__all__ = ["ENGINES", "Answer", "Engine", "Extrapolation", "Ledger"]
