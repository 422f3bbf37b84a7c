"""Locality with its tables laid out for the suite's queries by its own advisor."""

from __future__ import annotations

from typing import ClassVar

from ..model import Source
from .base import Resources
from .locality import LocalityEngine

#: Bytes that tables may take, as a multiple of those that they take as ingested.
_BUDGET = "1.5x"


class AdvisedLocalityEngine(LocalityEngine):
    """What ``optimize(workload=..., budget=...)`` makes of the suite's texts, with the foreign keys declared."""

    name: ClassVar[str] = "locality_advised"

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._workload: dict[str, None] = {}

    @classmethod
    def dialect(cls) -> str:
        return LocalityEngine.name

    def load_table(self, name: str, source: Source) -> None:
        self._ingest(name, source, source.parents)
        self._workload.update(dict.fromkeys(source.workload))

    def finish_loading(self) -> None:
        if self._workload:
            self._connection.optimize(workload=list(self._workload), budget=_BUDGET)

    def explain_configuration(self) -> str:
        return f"{super().explain_configuration()}, then laid out for the suite's queries in {_BUDGET} the space"
