"""What the optimizer asks about tables, answered from the store's statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from locality.operators.filters.filter import plan_tests
from locality.operators.filters.zones import bytes_to_read
from locality.operators.relations.scans import kept_relation
from locality.operators.sideways import has_clustered_zones
from locality.plan.derived import Derived
from locality.plan.expressions import Constant, Expression, PhysicalValue
from locality.plan.nodes import Scan
from locality.plan.rollups import Rollup
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

    def layouts(self, table: str) -> Sequence[str]:
        return [layout.name for layout in self.tables[table].layouts]

    def derived(self, table: str, layout: str) -> Sequence[Derived]:
        return self.tables[table].derived(layout)

    def follows(self, table: str, layout: str, column: int) -> bool:
        stored = self.tables[table]
        if not stored.has_columns(layout, [column]):
            return False
        relation = kept_relation(stored, Scan(table, (column,), (stored.column_type(column),), layout))
        return all(has_clustered_zones(segment, 0) for segment in relation.segments)

    def peek(self, constant: Constant, test: Callable[[PhysicalValue], bool]) -> bool:
        return test(constant.value)

    def is_wide(self, table: str, column: int) -> bool:
        statistics = self.tables[table].statistics(column)
        bounds = (statistics.minimum, statistics.maximum)
        return any(isinstance(bound, int) and not -(2**63) <= bound < 2**63 for bound in bounds)

    def rollups(self, table: str) -> Sequence[Rollup]:
        return [each.rollup for each in self.tables[table].rollups if each.rollup.stored in self.tables]

    def scan_bytes(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        table = self.tables[scan.table]
        if not table.has_columns(scan.layout, scan.columns):
            return math.inf
        relation = kept_relation(table, scan)
        raw = {i: size / table.row_count for i, column in enumerate(scan.columns) if (size := table.raw_bytes(column))}
        return bytes_to_read(relation, plan_tests(relation, conjuncts), raw)

    def selectivity(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        table = self.tables[scan.table]
        layout = next((each.name for each in table.layouts if table.has_columns(each.name, scan.columns)), None)
        if layout is None:  # no plan can have such a scan
            return 1.0
        tests = plan_tests(kept_relation(table, replace(scan, layout=layout)), conjuncts)
        return math.prod(test.share for test in tests)
