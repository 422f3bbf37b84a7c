"""What a query would move if a table's rows lay in another order: predicted from a sample, with nothing written.

What was measured is taken as the truth of today. Of each stored column's bytes, a model tells how they would change: a
pass reads the zones that its tests can't exclude, with the very tests of a query (:mod:`locality.operators.filters`);
rows that are fetched afterwards touch lines of these zones. What does not depend on the order stays as measured. A
grouping by a key whose values lie together has little state; where they would not any more, its records are counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from locality.advisor.sample import Sample
from locality.advisor.uses import Grouping, TableUse
from locality.advisor.workload import WorkloadQuery
from locality.encodings import EncodedColumn
from locality.operators.filters.filter import Test, plan_tests
from locality.operators.relations.relation import ColumnsSegment, Relation
from locality.operators.relations.tables import scan_relation
from locality.plan.expressions import columns_of
from locality.runtime.reorder import OrderColumn, RowOrder
from locality.storage.table import Table
from locality.storage.zones import Zones

Bits = npt.NDArray[np.bool_]

#: Values in the ranges of all zones, as a multiple of the rows, up to which a grouping finds its key clustered.
_MOST_SPREAD = 2
#: Groups up to which every worker has state for all of them anyway.
_FEW_GROUPS = 65536
#: Bytes of a cell of state.
_WORD = 8


@dataclass(frozen=True, eq=False)
class Analysis:
    """A query of the workload as it is today. bytes, seconds, touched: measured, see Profile."""

    query: WorkloadQuery
    bytes: int
    seconds: float
    touched: Mapping[str, int]
    uses: tuple[TableUse, ...]


@dataclass(frozen=True, eq=False)
class _SampleSegment(ColumnsSegment):
    """The columns of a sample in any order, with the zones of the one that is asked about."""

    bounds: Mapping[int, Zones]

    def zones(self, index: int) -> Zones | None:
        return self.bounds.get(index)


class TableModel:
    """Predictions for one table under any order."""

    def __init__(self, table: Table, sample: Sample) -> None:
        self.table, self.sample = table, sample
        self._tests: dict[TableUse, tuple[list[Test], Relation]] = {}
        self._today: dict[TableUse, float] = {}
        self._widths: dict[tuple[int, RowOrder | None], float] = {}

    def today(self, use: TableUse) -> float:
        """The share of rows in zones that the scan reads as the table lies now."""
        if use not in self._today:
            self._today[use] = self._share_today(use)
        return self._today[use]

    def _share_today(self, use: TableUse) -> float:
        relation = scan_relation(self.table, use.scan)
        tests = plan_tests(relation, use.conjuncts)
        rows = 0
        for number, segment in enumerate(relation.segments):
            possible = _possible(tests, relation, number)
            if possible is None:
                rows += segment.row_count
            else:
                first = np.flatnonzero(possible) * segment.zone_rows
                rows += int((np.minimum(first + segment.zone_rows, segment.row_count) - first).sum())
        return rows / max(self.table.row_count, 1)

    def ordered(self, use: TableUse, order: RowOrder) -> float:
        """The share of rows in zones that it would read if the table lay in an order."""
        tests, relation = self._planned(use)
        (segment,) = relation.segments
        tested = {index for test in tests for e in test.reads for index in columns_of(e)}
        bounds = {index: self.sample.zones(self.column(use, index), order) for index in tested}
        columns = tuple(segment.column(i) for i in range(len(relation.types)))
        view = _SampleSegment(columns, segment.row_count, bounds)
        possible = _possible(tests, replace(relation, segments=(view,)), 0)
        return 1.0 if possible is None or not len(possible) else float(possible.mean())

    def column(self, use: TableUse, index: int) -> OrderColumn:
        """A scan's column by its position in the scan."""
        name = self.table.columns[use.scan.columns[index]].name
        return OrderColumn(name, (), name)

    def width(self, position: int, order: RowOrder | None = None) -> float:
        """Bytes of a value of a column of the table, by position: today for None, or if it lay in an order."""
        key = position, order
        if key not in self._widths:
            self._widths[key] = self._width_today(position) if order is None else self._width_after(position, order)
        return self._widths[key]

    def _width_today(self, position: int) -> float:
        rows = max(self.table.row_count, 1)
        return sum(segment.width(position) * segment.row_count for segment in self.table.segments) / rows

    def _width_after(self, position: int, order: RowOrder) -> float:
        encoding = self.table.segments[0].encoding(position)
        if encoding in ("text", "opaque"):
            return self.width(position)
        name = self.table.columns[position].name
        return self.sample.width(OrderColumn(name, (), name), order, self.width(position), encoding)

    def clusters(self, grouping: Grouping, use: TableUse, order: RowOrder | None) -> bool:
        """Whether rows of a group lie together: today for None, or if the table lay in an order."""
        position = use.scan.columns[grouping.column]
        if order is None:
            parts = [(segment.zones(position), segment.column(position)) for segment in self.table.segments]
        else:
            column = self.column(use, grouping.column)
            parts = [(self.sample.zones(column, order), self.sample.column(column))]
        return sum(_spread(zones, column) for zones, column in parts) <= _MOST_SPREAD * self.table.row_count

    def _planned(self, use: TableUse) -> tuple[list[Test], Relation]:
        if use not in self._tests:
            stored = scan_relation(self.table, use.scan)
            needed = {i for conjunct in use.conjuncts for i in columns_of(conjunct)}
            empty = [EncodedColumn(dtype, "constant", self.sample.rows, all_null=True) for dtype in use.scan.types]
            columns = [self.sample.column(self.column(use, i)) if i in needed else empty[i] for i in range(len(empty))]
            segment = ColumnsSegment(tuple(columns), self.sample.rows)
            relation = Relation(stored.name, stored.types, stored.intervals, (segment,), 0.0, stored.distinct)
            self._tests[use] = plan_tests(relation, use.conjuncts), relation
        return self._tests[use]


def predicted_bytes(analysis: Analysis, models: Mapping[str, TableModel], orders: Mapping[str, RowOrder]) -> float:
    """Bytes that the query would move if each table of ``orders`` lay so."""
    before: dict[str, float] = defaultdict(float)
    after: dict[str, float] = defaultdict(float)
    total = float(analysis.bytes)
    for use in analysis.uses:
        order = orders.get(use.scan.table)
        if order is None:
            continue
        model = models[use.scan.table]
        shares = model.today(use), model.ordered(use, order)
        for index in use.scanned | use.gathered:
            position = use.scan.columns[index]
            name = f"{model.table.name}.{model.table.columns[position].name}"
            before[name] += model.width(position) * shares[0] * model.table.row_count
            after[name] += model.width(position, order) * shares[1] * model.table.row_count
        total += sum(_state_change(model, grouping, use, order, shares[1]) for grouping in use.groupings)
    for name, modelled in before.items():
        measured = analysis.touched.get(name, 0)
        total += measured * (after[name] / modelled - 1) if modelled else 0.0
    return max(total, 0.0)


def _state_change(model: TableModel, grouping: Grouping, use: TableUse, order: RowOrder, share: float) -> float:
    """Bytes of state that a grouping has more if the table lies in an order, see operators/aggregation."""
    position = use.scan.columns[grouping.column]
    groups = model.table.distinct_count(position).count
    if groups <= max(_FEW_GROUPS, model.table.row_count // 16):
        return 0.0
    was, will = (model.clusters(grouping, use, lies) for lies in (None, order))
    if was == will:
        return 0.0
    records = model.table.row_count * share * (1 + grouping.slots)
    more = 2 * _WORD * (records + groups)
    return more if was else -more


def _possible(tests: Sequence[Test], relation: Relation, segment: int) -> Bits | None:
    known = [bits for test in tests if (bits := test.possible(relation, segment)) is not None]
    return np.logical_and.reduce(known) if known else None


def _spread(zones: Zones, column: EncodedColumn) -> float:
    """Values in the ranges of all zones together; infinite where bounds do not tell."""
    if zones.minimum is None or zones.maximum is None or column.dictionary is not None or zones.nulls.any():
        return float("inf")
    return float((zones.maximum.astype(np.float64) - zones.minimum + 1).sum() * column.factor)
