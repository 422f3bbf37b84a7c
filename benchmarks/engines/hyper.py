"""Hyper, by its Python API: a server process of our own over a database file."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

import pyarrow as pa

from ..model import AnswerRow, Source
from .base import NotSupported, OutOfMemory, Resources, SQLEngine, parquet_path, sql_name, with_quoted_intervals


class HyperEngine(SQLEngine):
    """Tables made by ``create table as`` from the Parquet files; no logging of queries, telemetry off."""

    name: ClassVar[str] = "hyper"
    exact: ClassVar[bool] = False  # averages of decimals are decimals
    takes_parameters: ClassVar[bool] = False
    keeps: ClassVar[Literal["disk", "memory"]] = "disk"
    has_helpers: ClassVar[bool] = True

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        from tableauhyperapi import HyperProcess, Telemetry

        self._path = resources.directory / "bench.hyper"
        parameters = {
            "log_config": "",
            "default_database_version": "4",
            "hard_concurrent_query_thread_limit": str(resources.threads),
            "memory_limit": f"{resources.memory_bytes * 4 // 5 // 2**20}m",
        }
        self._server = HyperProcess(Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU, parameters=parameters)
        self._connection: Any = None

    @classmethod
    def missing(cls) -> str | None:
        return None if find_spec("tableauhyperapi") else "pip install tableauhyperapi"

    @classmethod
    def version(cls) -> str:
        import tableauhyperapi

        return str(tableauhyperapi.__version__)

    def load_table(self, name: str, source: Source) -> None:
        if self._connection is None:
            self._connect(create=True)
        file = parquet_path(source.path)
        sql = f"create table {sql_name(name)} as select * from external({file}, format => 'parquet')"
        self._connection.execute_command(sql)

    def open(self) -> None:
        self._connect(create=False)

    def stored_bytes(self) -> int | None:
        return self._path.stat().st_size

    def ask(self, sql: str, parameters: Sequence[Any]) -> Any:
        from tableauhyperapi import HyperException

        try:
            return self._connection.execute_list_query(with_quoted_intervals(sql))
        except HyperException as error:
            text = str(error)
            if "memory" in text:
                raise OutOfMemory(text) from error
            if "not supported" in text or "not implemented" in text:
                raise NotSupported(text) from error
            raise

    def answer(self, result: Any) -> pa.Table | list[AnswerRow]:
        return [tuple(map(_python, row)) for row in result]

    def interrupt(self) -> None:
        self._connection.cancel()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._server.close()

    def explain_configuration(self) -> str:
        return f"native tables in a database file, {self.resources.threads} threads"

    def _connect(self, *, create: bool) -> None:
        from tableauhyperapi import Connection, CreateMode

        mode = CreateMode.CREATE if create else CreateMode.NONE
        self._connection = Connection(self._server.endpoint, self._path, mode)


def _python(value: Any) -> Any:
    """Its own dates and timestamps as Python's."""
    if hasattr(value, "to_datetime"):
        return value.to_datetime()
    return value.to_date() if hasattr(value, "to_date") else value
