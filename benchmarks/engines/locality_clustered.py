"""Locality with each table's rows in the order that the suite names."""

from __future__ import annotations

from typing import ClassVar

from ..model import Source
from .locality import LocalityEngine


class ClusteredLocalityEngine(LocalityEngine):
    """What a user of ``optimize`` would choose by hand for the suite's filters, as ``duckdb_sorted`` has it."""

    name: ClassVar[str] = "locality_clustered"

    @classmethod
    def dialect(cls) -> str:
        return LocalityEngine.name

    def load_table(self, name: str, source: Source) -> None:
        super().load_table(name, source)
        if source.sorted_by:
            self._connection.optimize(name, order=source.sorted_by)

    def explain_configuration(self) -> str:
        return f"{super().explain_configuration()}, then in the order of the columns that the suite names"
