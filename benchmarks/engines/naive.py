"""Row-at-a-time Python: a list of dictionaries, and one loop a query."""

from __future__ import annotations

import platform
from typing import ClassVar

import pyarrow as pa

from ..model import AnswerRow, Source
from .base import ProgramEngine, batches


class NaiveEngine(ProgramEngine):
    """Each row is a dict of ints, Decimals, strings and dates, as a database driver or CSV reader hands them out.

    A whole table of millions of such rows takes many gigabytes, so a table's first rows are loaded, the answer is
    checked against DuckDB's over the same rows, and times are multiplied by the ratio of rows. That is in its favour:
    sorting and large hash tables cost more than linearly. One thread: Python loops have no other.
    """

    name: ClassVar[str] = "naive"
    row_limit: ClassVar[int | None] = 200_000

    @classmethod
    def missing(cls) -> str | None:
        return None

    @classmethod
    def version(cls) -> str:
        return f"{platform.python_implementation()} {platform.python_version()}"

    def load_table(self, name: str, source: Source) -> None:
        self.tables[name] = [row for batch in batches(source, None, self.row_limit) for row in batch.to_pylist()]

    def stored_bytes(self) -> int | None:
        return None

    def answer(self, result: list[AnswerRow]) -> pa.Table | list[AnswerRow]:
        return result

    def explain_configuration(self) -> str:
        return f"list of dicts, one loop a query, one thread, at most {self.row_limit:,} rows a table"
