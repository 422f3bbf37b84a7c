"""Nested types as DuckDB has them: their names, and the Arrow types in which their values leave it."""

from __future__ import annotations

import atexit
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@cache
def _database() -> duckdb.DuckDBPyConnection:
    import duckdb

    atexit.register(_database.cache_clear)  # its client reports, at the program's end, what is then still there
    return duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": "1"})


@lru_cache(maxsize=1024)
def sql_name(text: str) -> str:
    """The name by which DuckDB calls a type that is written as ``text``; raises duckdb.Error for what is none."""
    return str(_null_of(text).types[0])


@lru_cache(maxsize=1024)
def arrow_type(text: str) -> pa.DataType | None:
    """The Arrow type of a SQL type's values as DuckDB exports them; None for a text that is no type."""
    import duckdb

    try:
        return _null_of(text).to_arrow_table().schema.field(0).type
    except (duckdb.Error, ValueError):
        return None


@lru_cache(maxsize=1024)
def name_of_arrow(arrow: pa.DataType) -> str | None:
    """The name of the SQL type that DuckDB gives Arrow values of this type; None if it has none for them."""
    import duckdb
    import pyarrow as pa

    try:
        return str(_database().cursor().from_arrow(pa.table([pa.array([], arrow)], names=["c"])).types[0])
    except (duckdb.Error, pa.ArrowException):
        return None


@lru_cache(maxsize=1024)
def field_type(struct: str, place: int) -> str:
    """The name of the type of a STRUCT's field, by its place from 0; raises duckdb.Error for what has no such field."""
    return str(_null_of(struct).project(f"struct_extract_at(columns(*), {place + 1})").types[0])


def _null_of(text: str) -> duckdb.DuckDBPyRelation:
    connection = _database().cursor()
    (statement,) = connection.extract_statements(f"select cast(null as {text})")
    return connection.sql(statement)
