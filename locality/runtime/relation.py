"""A result as a DuckDB relation with DuckDB's exact types: for what DuckDB's client already does well.

Data frames, the box that is printed, and the values of rare types come from here, so that they are DuckDB's own.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One private database a process; each relation gets a cursor of its own."""
    import duckdb

    atexit.register(_database.cache_clear)  # its client reports, at the program's end, what is then still there
    return duckdb.connect(":memory:")


def zoned(arrow: pa.DataType, zone: str | None) -> pa.DataType:
    """The type, timestamps with a zone in the session's ``zone``, None if it set none, as DuckDB exports them."""
    import pyarrow as pa

    from locality.sql.evaluate import session_time_zone

    if pa.types.is_timestamp(arrow) and arrow.tz is not None:
        return pa.timestamp(arrow.unit, zone or session_time_zone())
    return arrow


def as_relation(table: pa.Table, names: Sequence[str], types: Sequence[str]) -> duckdb.DuckDBPyRelation:
    """The rows of ``table`` in order, with these column names (repeated ones too) and SQL types."""
    connection = _database().cursor()
    if zone := next(filter(None, (getattr(arrow, "tz", None) for arrow in _arrow_types(table))), None):
        connection.execute("set TimeZone = ?", [zone])
    source = connection.from_arrow(table.rename_columns([f"c{i}" for i in range(len(names))]))
    columns = (
        f"{f'c{i}' if str(source.types[i]) == wanted else _cast(f'c{i}', wanted)} as {_quote(name)}"
        for i, (name, wanted) in enumerate(zip(names, types, strict=True))
    )
    return source.project(", ".join(columns))


def _cast(column: str, wanted: str) -> str:
    """What Arrow carries as its own type, as the SQL type; a BIT comes as the number of padding bits, and bytes."""
    if wanted != "BIT":
        return f"cast({column} as {wanted})"
    digits = f"cast(cast({column} as bit) as varchar)"
    padding = f"cast(cast(left({digits}, 8) as bit) as integer)"
    return f"cast(substr({digits}, 9 + {padding}) as bit)"


def as_text_relation(table: pa.Table, names: Sequence[str], types: Sequence[str]) -> duckdb.DuckDBPyRelation:
    """The rows with every value cast to VARCHAR; the columns are called c0, c1, ..."""
    own = [f"c{i}" for i in range(len(names))]
    return as_relation(table, own, types).project(", ".join(f"cast({name} as varchar)" for name in own))


def to_default_arrow(table: pa.Table, names: Sequence[str], types: Sequence[str]) -> pa.Table:
    """The table as DuckDB exports it by default: without the extension types that keep what Arrow has no type for."""
    if not any(hasattr(arrow, "extension_name") for arrow in _arrow_types(table)):
        return table
    exported: pa.Table = as_relation(table, names, types).to_arrow_table()
    return exported


def boxed(relation: duckdb.DuckDBPyRelation, max_rows: int | None = None, max_width: int | None = None) -> str:
    """The first and last rows as DuckDB prints them."""
    if max_rows is None and max_width is None:
        return str(relation)
    with redirect_stdout(StringIO()) as text:  # its client takes these options only where it prints
        relation.show(max_rows=max_rows, max_width=max_width)
    return text.getvalue().removesuffix("\n")


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _arrow_types(table: pa.Table) -> Iterator[Any]:
    """The types of the table's columns and of what is nested in them."""
    stack: list[Any] = list(table.schema.types)
    while stack:
        arrow = stack.pop()
        yield arrow
        stack.extend(arrow.field(i).type for i in range(arrow.num_fields))
