"""What the optimizer asks about tables, answered from the store's statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from locality.operators.filters.conditions import Conditions
from locality.operators.filters.zones import bytes_to_read
from locality.operators.relations.relation import Relation
from locality.operators.relations.scans import kept_relation
from locality.operators.sideways import has_clustered_zones
from locality.plan.derived import Derived
from locality.plan.expressions import Constant, Expression, PhysicalValue
from locality.plan.nodes import Scan
from locality.plan.rollups import Rollup
from locality.storage.table import Table


@dataclass(frozen=True, eq=False)
class Asked:
    """A scan under conditions, to ask about them and about the same ones of other values.

    raw: about how many bytes a row takes of the columns whose strings would be decompressed to know.
    """

    relation: Relation
    conditions: Conditions
    raw: Mapping[int, float]

    def bytes_read(self) -> float:
        """Bytes of all columns in the zones that may hold rows for which the conditions are true."""
        return bytes_to_read(self.relation, self.conditions.tests, self.raw)

    def share(self) -> float:
        """The share of rows for which the conditions are true, about."""
        return math.prod([test.share for test in self.conditions.tests])

    def under(self, values: Sequence[PhysicalValue]) -> Asked:
        """The same scan under the same conditions of other values."""
        return Asked(self.relation, self.conditions.under(self.relation, values), self.raw)


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

    def magnitude(self, table: str, column: int) -> int | None:
        statistics = self.tables[table].statistics(column)
        least, greatest = statistics.minimum, statistics.maximum
        return max(abs(least), abs(greatest)) if isinstance(least, int) and isinstance(greatest, int) else None

    def rollups(self, table: str) -> Sequence[Rollup]:
        return [each.rollup for each in self.tables[table].rollups if each.rollup.stored in self.tables]

    def scan_bytes(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        asked = self.asked(scan, conjuncts)
        return math.inf if asked is None else asked.bytes_read()

    def selectivity(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        asked = self.asked_of_any(scan, conjuncts)
        return 1.0 if asked is None else asked.share()  # no plan can have such a scan

    def asked(self, scan: Scan, conjuncts: Sequence[Expression]) -> Asked | None:
        """A scan under conditions; None if its layout lacks a column."""
        table = self.tables[scan.table]
        if not table.has_columns(scan.layout, scan.columns):
            return None
        relation = kept_relation(table, scan)
        raw = {i: size / table.row_count for i, column in enumerate(scan.columns) if (size := table.raw_bytes(column))}
        return Asked(relation, Conditions(relation, conjuncts), raw)

    def asked_of_any(self, scan: Scan, conjuncts: Sequence[Expression]) -> Asked | None:
        """The same in the first layout that has all columns; None if none has."""
        table = self.tables[scan.table]
        layout = next((each.name for each in table.layouts if table.has_columns(each.name, scan.columns)), None)
        return None if layout is None else self.asked(replace(scan, layout=layout), conjuncts)
