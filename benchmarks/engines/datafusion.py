"""Apache DataFusion over tables in memory."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, ClassVar

import pyarrow as pa

from ..model import AnswerRow, Source
from .base import NotSupported, Resources, SQLEngine, sql_name


class DataFusionEngine(SQLEngine):
    """Tables in memory made by ``create table as``; one partition a thread, statistics of the Parquet files unused."""

    name: ClassVar[str] = "datafusion"
    exact: ClassVar[bool] = False  # averages of decimals are decimals
    takes_parameters: ClassVar[bool] = False

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        import datafusion

        settings = datafusion.SessionConfig().with_target_partitions(resources.threads)
        self._context = datafusion.SessionContext(settings)

    @classmethod
    def missing(cls) -> str | None:
        return None if find_spec("datafusion") else "pip install datafusion"

    @classmethod
    def version(cls) -> str:
        import datafusion

        return str(datafusion.__version__)

    @classmethod
    def environment(cls, threads: int) -> dict[str, str]:
        return {"TOKIO_WORKER_THREADS": str(threads)}

    def load_table(self, name: str, source: Source) -> None:
        self._context.register_parquet("locality_bench_file", source.path)
        self._context.sql(f"create table {sql_name(name)} as select * from locality_bench_file").collect()
        self._context.deregister_table("locality_bench_file")

    def stored_bytes(self) -> int | None:
        return None

    def ask(self, sql: str, parameters: Sequence[Any]) -> Any:
        try:
            frame = self._context.sql(sql)
            return pa.Table.from_batches(frame.collect(), schema=frame.schema())
        except Exception as error:  # its client raises bare exceptions, which only their texts tell apart
            if "not implemented" in str(error):
                raise NotSupported(str(error)) from error
            raise

    def answer(self, result: Any) -> pa.Table | list[AnswerRow]:
        table: pa.Table = result
        return table

    def close(self) -> None:
        del self._context

    def explain_configuration(self) -> str:
        return f"tables in memory, {self.resources.threads} partitions"
