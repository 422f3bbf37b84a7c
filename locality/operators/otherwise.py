"""An operator with another in reserve, for what shows only when its input is there."""

from __future__ import annotations

from dataclasses import dataclass

from locality.errors import Unsupported
from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.relations.batch import Batch
from locality.types import DataType


@dataclass(frozen=True, eq=False)
class Otherwise:
    """What ``usual`` gives, or, if it can't take its input, ``reserve``, which gives the same more slowly."""

    usual: Physical
    reserve: Physical

    @property
    def types(self) -> tuple[DataType, ...]:
        return self.usual.types

    def execute(self, execution: Execution) -> Batch:
        try:
            return self.usual.execute(execution)
        except Unsupported:
            return self.reserve.execute(execution)

    def explain(self) -> Explanation:
        return self.usual.explain()
