"""DuckDB over tables that were sorted before they were stored."""

from __future__ import annotations

from typing import ClassVar

from ..model import Source
from .base import sql_name
from .duckdb import DuckDBEngine


class SortedDuckDBEngine(DuckDBEngine):
    """Sorted as the suite says, so that zone maps skip row groups: the layout that its users choose by hand."""

    name: ClassVar[str] = "duckdb_sorted"

    @classmethod
    def dialect(cls) -> str:
        return DuckDBEngine.name

    def load_table(self, name: str, source: Source) -> None:
        keys = ", ".join(map(sql_name, source.sorted_by))
        order = f" order by {keys}" if keys else ""
        self._connection.execute(f"create table {sql_name(name)} as from read_parquet(?){order}", [str(source.path)])

    def explain_configuration(self) -> str:
        return f"{super().explain_configuration()}, sorted by the columns that the suite names"
