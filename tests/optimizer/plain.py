"""Statistics of tables that lie as they came: one layout, nothing derived, no rollups, nothing deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from locality.plan.derived import Derived
from locality.plan.expressions import Constant, Expression, PhysicalValue
from locality.plan.nodes import Scan
from locality.plan.rollups import Rollup


class Plain:
    """What of :class:`~locality.optimizer.statistics.Statistics` says the same of all such tables."""

    def layouts(self, table: str) -> Sequence[str]:
        return ["primary"]

    def derived(self, table: str, layout: str) -> Sequence[Derived]:
        return []

    def follows(self, table: str, layout: str, column: int) -> bool:
        return False

    def peek(self, constant: Constant, test: Callable[[PhysicalValue], bool]) -> bool:
        return test(constant.value)

    def is_wide(self, table: str, column: int) -> bool:
        return False

    def magnitude(self, table: str, column: int) -> int | None:
        return 1 << 20

    def rollups(self, table: str) -> Sequence[Rollup]:
        return []

    def scan_bytes(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        return 0.0

    def has_deletions(self, table: str) -> bool:
        return False
