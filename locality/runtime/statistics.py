"""What the optimizer asks about tables, answered from the store's statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from locality.operators.filters.filter import plan_tests
from locality.operators.relations.tables import scan_relation
from locality.plan.expressions import Expression
from locality.plan.nodes import Scan
from locality.storage.table import Table


@dataclass(frozen=True)
class StoredStatistics:
    """The :class:`~locality.optimizer.statistics.Statistics` of a snapshot's tables."""

    tables: Mapping[str, Table]

    def rows(self, table: str) -> int:
        return self.tables[table].row_count

    def distinct(self, table: str, column: int) -> int:
        return self.tables[table].distinct_count(column).count

    def has_nulls(self, table: str, column: int) -> bool:
        return self.tables[table].statistics(column).null_count > 0

    def is_raw(self, table: str, column: int) -> bool:
        return self.tables[table].is_raw(column)

    def unique_keys(self, table: str) -> Sequence[frozenset[int]]:
        return self.tables[table].unique_keys

    def has_deletions(self, table: str) -> bool:
        return self.tables[table].has_deletions

    def refers_to(self, table: str, columns: Sequence[int], parent: str, parents: Sequence[int]) -> bool:
        return self.tables[table].refers_to(columns, self.tables[parent], parents)

    def selectivity(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        tests = plan_tests(scan_relation(self.tables[scan.table], scan), conjuncts)
        return math.prod(test.share for test in tests)
