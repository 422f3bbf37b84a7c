"""Locality with the stored aggregations that the suite names."""

from __future__ import annotations

from typing import ClassVar

from ..model import Source
from .locality import LocalityEngine


class RollupLocalityEngine(LocalityEngine):
    """What a user of ``rollup`` would choose by hand for a suite that asks the same questions of other values."""

    name: ClassVar[str] = "locality_rollups"

    @classmethod
    def dialect(cls) -> str:
        return LocalityEngine.name

    def load_table(self, name: str, source: Source) -> None:
        super().load_table(name, source)
        for rollup, sql in source.rollups.items():
            self._connection.rollup(rollup, sql)

    def explain_configuration(self) -> str:
        return f"{super().explain_configuration()}, then with the stored aggregations that the suite names"
