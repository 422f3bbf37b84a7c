"""What a query returns: rows as Python values, data frames or Arrow, with its profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from locality.errors import ConnectionClosedError
from locality.runtime.values import column_values
from locality.types import Domain, parse, to_arrow

if TYPE_CHECKING:
    import duckdb
    import pandas
    import polars
    import pyarrow as pa

    from locality.runtime.profile import Profile

_FETCH_ROWS = 4096
"""Rows converted to Python values at a time by fetchone, fetchmany and iteration."""

_TEXT_ROWS = 65536
"""Rows converted to text, or to Python values by fetchall, at a time."""

_SHOWN_ROWS = 9999
"""Rows given to the printed box, which shows the first and last few."""

_BATCH_ROWS = 1_000_000
"""Rows a record batch, as in DuckDB's client."""


class Result:
    """The answer to one query, with the columns' names and types as DuckDB gives them.

    Values are converted when they are asked for. ``fetchone`` and ``fetchmany`` move a cursor; ``fetchall`` returns
    the rows from the cursor on and rewinds it. Iteration goes over all rows and moves no cursor.
    """

    __slots__ = ("_cursor", "_names", "_profile", "_table", "_types")

    def __init__(self, table: pa.Table, names: Sequence[str], types: Sequence[str], profile: Profile) -> None:
        """Wrap a finished result.

        Args:
            table: the rows; its columns are those of ``names``, in order, in the Arrow types that DuckDB exports
                (with or without DuckDB's lossless extension types).
            names: column names; they may repeat.
            types: each column's SQL type as DuckDB writes it.
            profile: what running the query took.
        """
        self._table: pa.Table | None = table
        self._names = list(names)
        self._types = list(types)
        self._profile = profile
        self._cursor: Iterator[tuple[Any, ...]] | None = None

    # --- what it is

    @property
    def profile(self) -> Profile:
        """The engine that answered and why, seconds, rows and bytes moved."""
        return self._profile

    @property
    def columns(self) -> list[str]:
        """Column names."""
        return list(self._names)

    @property
    def types(self) -> list[str]:
        """Each column's SQL type as DuckDB writes it, such as ``DECIMAL(15,2)``."""
        return list(self._types)

    @property
    def description(self) -> list[tuple[str, Any, None, None, None, None, None]]:
        """DB-API's description: name and type of each column; types equal DuckDB's and DB-API's type objects."""
        import duckdb

        return [
            (name, duckdb.sqltype(text), None, None, None, None, None)
            for name, text in zip(self._names, self._types, strict=True)
        ]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._open().num_rows, len(self._names)

    def __len__(self) -> int:
        return self._open().num_rows

    # --- rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rows from the cursor to the end, as tuples; the next fetch starts at the first row again."""
        rows = list(self._pieces(_TEXT_ROWS) if self._cursor is None else self._cursor)
        self._cursor = None
        return rows

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        """The next ``size`` rows, fewer at the end."""
        self._open()
        if self._cursor is None:
            self._cursor = iter(self)
        return list(islice(self._cursor, max(0, size)))

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row; None after the last."""
        rows = self.fetchmany(1)
        return rows[0] if rows else None

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._pieces(_FETCH_ROWS)

    # --- tables

    def to_arrow_table(self) -> pa.Table:
        """All rows as a pyarrow table, in the types that DuckDB exports."""
        from locality.runtime.relation import to_default_arrow

        table = self._open()
        if not all(_is_default(field.type, text) for field, text in zip(table.schema, self._types, strict=True)):
            table = to_default_arrow(table, self._names, self._types)
        return table if table.column_names == self._names else table.rename_columns(self._names)

    def numbered(self) -> pa.Table:
        """All rows as Locality has them, in columns called c0, c1, ...: for SQL, which casts them to their types."""
        return self._open().rename_columns([f"c{i}" for i in range(len(self._names))])

    def to_arrow_reader(self, batch_size: int = _BATCH_ROWS) -> pa.RecordBatchReader:
        """All rows as a reader of record batches of at most ``batch_size`` rows."""
        if batch_size <= 0:
            raise ValueError("batch_size is the number of rows in a record batch, at least 1")
        return self.to_arrow_table().to_reader(max_chunksize=batch_size)

    def arrow(self, batch_size: int = _BATCH_ROWS) -> pa.RecordBatchReader:
        """The same as ``to_arrow_reader``, as in DuckDB's client."""
        return self.to_arrow_reader(batch_size)

    def fetch_record_batch(self, rows_per_batch: int = _BATCH_ROWS) -> pa.RecordBatchReader:
        """The same as ``to_arrow_reader``, by the name that DuckDB's client had before."""
        return self.to_arrow_reader(rows_per_batch)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """All rows through the Arrow PyCapsule interface, for any library that takes it."""
        export: Callable[[object | None], object] = self.to_arrow_table().__arrow_c_stream__
        return export(requested_schema)

    def df(self) -> pandas.DataFrame:
        """All rows as a pandas data frame, with the dtypes of DuckDB's ``df()``; needs pandas."""
        frame: pandas.DataFrame = self.to_relation().df()
        return frame

    def to_relation(self, start: int = 0, count: int | None = None) -> duckdb.DuckDBPyRelation:
        """The rows from number ``start`` on, at most ``count``, as a relation of a private DuckDB, with its types."""
        from locality.runtime.relation import as_relation

        return as_relation(self._open().slice(start, count), self._names, self._types)

    def pl(self) -> polars.DataFrame:
        """All rows as a Polars data frame, in which repeated names get numbers, as from DuckDB; needs polars."""
        import polars

        if len({name.lower() for name in self._names}) < len(self._names):
            return self.to_relation().pl()
        return polars.DataFrame(polars.from_arrow(self.to_arrow_table()))

    # --- printing

    def show(self, *, max_rows: int | None = None, max_width: int | None = None) -> None:
        """Print the first and last rows in a box.

        Args:
            max_rows: rows to print at most, 20 if not given.
            max_width: characters a line at most, the terminal's width if not given.
        """
        print(self.to_text(max_rows=max_rows, max_width=max_width))

    def __repr__(self) -> str:
        return "<closed result>" if self._table is None else self.to_text()

    def _repr_html_(self) -> str | None:
        """The first and last rows as notebooks show them."""
        from locality.runtime.page import table_of

        return None if self._table is None else table_of(self._names, self._types, len(self), self.text_rows)

    def to_text(self, *, max_rows: int | None = None, max_width: int | None = None) -> str:
        """The first and last rows in a box, as ``show`` prints them."""
        import pyarrow as pa

        from locality.runtime.relation import as_relation, boxed

        table = self._open()
        count = table.num_rows
        if count > _SHOWN_ROWS:  # DuckDB's box counts no further: it gets the two ends, and the count is ours
            half = _SHOWN_ROWS // 2
            table = pa.concat_tables([table.slice(0, _SHOWN_ROWS - half), table.slice(count - half)])
        body, corner, footer = boxed(
            as_relation(table, self._names, self._types), max_rows=max_rows, max_width=max_width
        ).rpartition("┘")
        return body + corner + footer.replace(f"{table.num_rows} rows", f"{count} rows")

    def text_rows(self, start: int = 0, count: int | None = None) -> Iterator[tuple[str | None, ...]]:
        """Rows from number ``start`` on, with each value as DuckDB casts it to VARCHAR, None for NULL."""
        from locality.runtime.relation import as_text_relation

        table = self._open().slice(start, count)
        for start in range(0, table.num_rows, _TEXT_ROWS):
            piece = table.slice(start, _TEXT_ROWS)
            yield from as_text_relation(piece, self._names, self._types).fetchall()

    # --- the end

    def close(self) -> None:
        """Let go of the rows; later calls that need them raise ConnectionClosedError."""
        self._table = None

    def _open(self) -> pa.Table:
        if self._table is None:
            raise ConnectionClosedError("this result was closed; run the query again")
        return self._table

    def _pieces(self, size: int) -> Iterator[tuple[Any, ...]]:
        """All rows, converted ``size`` at a time: Ctrl-C is noticed between two pieces."""

        def piece(start: int) -> Iterator[tuple[Any, ...]]:
            table = self._open().slice(start, size)
            values = [column_values(c, name) for c, name in zip(table.itercolumns(), self._types, strict=True)]
            return zip(*values, strict=True)

        return chain.from_iterable(map(piece, range(0, len(self), size)))


def _is_default(arrow: pa.DataType, text: str) -> bool:
    """Whether a column of this SQL type already has the Arrow type that DuckDB exports; zones depend on the session."""
    dtype = parse(text)
    if dtype.domain not in (Domain.INTEGER, Domain.FLOAT, Domain.STRING) or "ZONE" in dtype.name:
        return False
    return bool(arrow == to_arrow(dtype))
