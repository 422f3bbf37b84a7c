"""pandas over data frames in memory, by hand-written programs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from ..model import AnswerRow, Source
from .base import ProgramEngine


class PandasEngine(ProgramEngine):
    """Only the columns that the suite mentions; decimals as float64 and dates as datetime64, as its users keep them.

    One thread: pandas has no other.
    """

    name: ClassVar[str] = "pandas"
    exact: ClassVar[bool] = False

    @classmethod
    def missing(cls) -> str | None:
        return None if find_spec("pandas") else "pip install pandas"

    @classmethod
    def version(cls) -> str:
        import pandas

        return str(pandas.__version__)

    def load_table(self, name: str, source: Source) -> None:
        table = pq.read_table(source.path, columns=list(source.used))
        fields = [field.with_type(_frame_type(field.type)) for field in table.schema]
        self.tables[name] = table.cast(pa.schema(fields)).to_pandas(date_as_object=False)

    def stored_bytes(self) -> int | None:
        return sum(int(frame.memory_usage(index=True, deep=True).sum()) for frame in self.tables.values())

    def answer(self, result: Any) -> pa.Table | list[AnswerRow]:
        return pa.Table.from_pandas(result, preserve_index=False)

    def explain_configuration(self) -> str:
        return "data frames in memory, decimals as float64, only the columns that the suite uses, one thread"


def _frame_type(dtype: pa.DataType) -> pa.DataType:
    return pa.float64() if pa.types.is_decimal(dtype) else dtype
