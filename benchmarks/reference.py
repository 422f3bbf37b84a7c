"""The right answers: DuckDB's, over the very rows that an engine was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from .digest import Brief, brief
from .engines.base import batches
from .engines.duckdb import interruptible, with_integers
from .model import Query, Source


class Reference:
    """Answers by DuckDB over the Parquet files, or over the first rows of each for an engine with a row limit.

    It is a connection of its own, so that answers are checked whichever engines were asked for.
    """

    def __init__(self, sources: Mapping[str, Source], threads: int) -> None:
        self._sources = sources
        self._threads = threads
        self._connections: dict[int | None, duckdb.DuckDBPyConnection] = {}
        self._answers: dict[tuple[str, int | None, tuple[Any, ...]], Brief] = {}

    def answer(self, query: Query, row_limit: int | None, parameters: tuple[Any, ...] = ()) -> Brief:
        """The right answer over at most ``row_limit`` rows of each table (None: all)."""
        limit = None if row_limit is None or self._all_within(query, row_limit) else row_limit
        key = (query.name, limit, parameters)
        if key not in self._answers:
            with interruptible():
                relation = self._connection(limit).sql(query.sql, params=list(parameters))
                table, types = relation.to_arrow_table(), [str(dtype) for dtype in relation.types]
            self._answers[key] = brief(with_integers(table, types))
        return self._answers[key]

    def close(self) -> None:
        """Close the connections and forget the answers."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        self._answers.clear()

    def _all_within(self, query: Query, row_limit: int) -> bool:
        return all(self._sources[table].rows <= row_limit for table in query.tables)

    def _connection(self, limit: int | None) -> duckdb.DuckDBPyConnection:
        if limit not in self._connections:
            connection = duckdb.connect(":memory:", config={"threads": self._threads})
            for name, source in self._sources.items():
                if limit is None:
                    connection.read_parquet(str(source.path)).create_view(name)
                else:
                    connection.register(name, pa.Table.from_batches(batches(source, None, limit)))
            self._connections[limit] = connection
        return self._connections[limit]
