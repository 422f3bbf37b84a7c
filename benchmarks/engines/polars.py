"""Polars, asked in SQL, over data frames in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, ClassVar

import pyarrow as pa

from ..model import AnswerRow, Source
from .base import NotSupported, Resources, SQLEngine


class PolarsEngine(SQLEngine):
    """Frames in memory, decimals as decimals; its lazy optimizer plans each query, and its in-memory engine runs it."""

    name: ClassVar[str] = "polars"
    exact: ClassVar[bool] = False  # averages and quotients of decimals have types of its own
    takes_parameters: ClassVar[bool] = False

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        import polars

        self._context = polars.SQLContext()
        self._frames: dict[str, Any] = {}

    @classmethod
    def missing(cls) -> str | None:
        return None if find_spec("polars") else "pip install polars"

    @classmethod
    def version(cls) -> str:
        import polars

        return polars.__version__

    @classmethod
    def environment(cls, threads: int) -> Mapping[str, str]:
        return {"POLARS_MAX_THREADS": str(threads)}

    def load_table(self, name: str, source: Source) -> None:
        import polars

        self._frames[name] = polars.read_parquet(source.path)
        self._context.register(name, self._frames[name])

    def stored_bytes(self) -> int | None:
        return sum(frame.estimated_size() for frame in self._frames.values())

    def ask(self, sql: str, parameters: Sequence[Any]) -> Any:
        from polars.exceptions import SQLInterfaceError, SQLSyntaxError

        try:
            return self._context.execute(sql, eager=True)
        except (SQLInterfaceError, SQLSyntaxError) as error:
            raise NotSupported(str(error)) from error

    def answer(self, result: Any) -> pa.Table | list[AnswerRow]:
        return result.to_arrow()

    def close(self) -> None:
        self._frames.clear()

    def explain_configuration(self) -> str:
        return f"SQL over data frames in memory, {self.resources.threads} threads"
