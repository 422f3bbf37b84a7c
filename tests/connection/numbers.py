"""A small table of numbers, and queries whose engine is checked."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from locality.connection import Connection

ROWS = 20_000
SUM = "select count(*), sum(n), max(word) from t where n >= 5"


def numbers(start: int = 0, rows: int = ROWS) -> pa.Table:
    """``n`` counts up from ``start``; the others follow from it."""
    n = np.arange(start, start + rows)
    words = pa.array(np.array(["even", "odd"])[n % 2])
    return pa.table({"n": n, "word": words, "half": n / 2, "tens": (n // 10).astype(np.int32)})


def ask(connection: Connection, sql: str, params: Any = None, engine: str = "locality") -> list[tuple[Any, ...]]:
    result = connection.sql(sql, params)
    assert result.profile.engine == engine, result.profile.reason
    return result.fetchall()


def in_duckdb(table: pa.Table, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.register("t", table)
        return connection.execute(sql).fetchall()


def expected_sum(*tables: pa.Table) -> list[tuple[Any, ...]]:
    return in_duckdb(pa.concat_tables(tables), SUM)
