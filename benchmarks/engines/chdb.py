"""ClickHouse inside the process (chDB), with MergeTree tables on disk."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

import pyarrow as pa

from ..model import AnswerRow, Source
from .base import (
    NotSupported,
    OutOfMemory,
    Resources,
    SQLEngine,
    directory_bytes,
    parquet_path,
)

_DATABASE = "bench"
#: Outer joins give NULLs, and so do sums of no rows.
_STANDARD = "join_use_nulls = 1, aggregate_functions_null_for_empty = 1"


class ChDBEngine(SQLEngine):
    """MergeTree tables in the suite's order of sorting, or else by primary key; merged to one part before the queries.

    Settings have it answer as the standard says where nothing matches.
    """

    name: ClassVar[str] = "chdb"
    exact: ClassVar[bool] = False  # counts are unsigned, and quotients of decimals have types of their own
    takes_parameters: ClassVar[bool] = False
    keeps: ClassVar[Literal["disk", "memory"]] = "disk"

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        from chdb.session import Session

        self._directory = resources.directory / "chdb"
        self._session = Session(str(self._directory))
        self._tables: list[str] = []
        limit = resources.memory_bytes * 4 // 5
        self._session.query(f"create database if not exists {_DATABASE}")
        self._session.query(f"use {_DATABASE}")
        self._session.query(f"set max_threads = {resources.threads}, max_memory_usage = {limit}, {_STANDARD}")

    @classmethod
    def missing(cls) -> str | None:
        return None if find_spec("chdb") else "pip install chdb (Linux and macOS)"

    @classmethod
    def version(cls) -> str:
        import chdb

        return f"{chdb.__version__} (ClickHouse {chdb.engine_version})"

    def load_table(self, name: str, source: Source) -> None:
        order = ", ".join(f"`{column}`" for column in source.sorted_by or source.key) or "tuple()"
        file = parquet_path(source.path)
        self._session.query(
            f"create table `{name}` engine = MergeTree order by ({order}) "
            f"settings allow_nullable_key = 1 as select * from file({file}, Parquet)"
        )
        self._tables.append(name)

    def finish_loading(self) -> None:
        for table in self._tables:
            self._session.query(f"optimize table `{table}` final")

    def open(self) -> None:
        """The directory was opened by the constructor."""

    def stored_bytes(self) -> int | None:
        return directory_bytes(self._directory)

    def ask(self, sql: str, parameters: Sequence[Any]) -> Any:
        try:
            return self._session.query(sql, "ArrowTable")
        except Exception as error:
            text = str(error)
            if "MEMORY_LIMIT_EXCEEDED" in text:
                raise OutOfMemory(text) from error
            if "NOT_IMPLEMENTED" in text or "UNSUPPORTED_METHOD" in text:
                raise NotSupported(text) from error
            raise

    def answer(self, result: Any) -> pa.Table | list[AnswerRow]:
        table: pa.Table = result
        return table

    def close(self) -> None:
        self._session.close()

    def explain_configuration(self) -> str:
        return f"MergeTree tables sorted as the suite says or by key, one part each, {self.resources.threads} threads"
