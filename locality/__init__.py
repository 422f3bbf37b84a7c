"""Locality: an embedded analytical query engine that moves as few bytes as it can.

``connect`` opens a store; the connection ingests tables and answers SQL::

    con = locality.connect("sales.locality")
    con.ingest("lineitem", "lineitem.parquet")
    con.sql("select count(*) from lineitem").fetchall()

What a name needs is imported when the name is first used, so that importing the package stays fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from locality import errors
from locality.errors import (
    CatalogError,
    ConnectionClosedError,
    CorruptStoreError,
    InterruptError,
    KeyViolation,
    LocalityError,
    MemoryLimitError,
    NoFallbackError,
    QueryError,
    SchemaError,
    SourceError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreVersionError,
)

if TYPE_CHECKING:
    from locality.connection import Connection, connect
    from locality.duckdb import attach, explain
    from locality.runtime.result import Result

__version__ = "0.1.0"

__all__ = [
    "CatalogError",
    "Connection",
    "ConnectionClosedError",
    "CorruptStoreError",
    "InterruptError",
    "KeyViolation",
    "LocalityError",
    "MemoryLimitError",
    "NoFallbackError",
    "QueryError",
    "Result",
    "SchemaError",
    "SourceError",
    "StoreError",
    "StoreFullError",
    "StoreLockedError",
    "StoreVersionError",
    "__version__",
    "attach",
    "connect",
    "errors",
    "explain",
]

_LAZY = {
    "Connection": "locality.connection",
    "attach": "locality.duckdb",
    "connect": "locality.connection",
    "explain": "locality.duckdb",
    "Result": "locality.runtime.result",
}


def __getattr__(name: str) -> object:
    """Import what ``_LAZY`` names at its first use (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
