"""What a query would move if a table's rows lay in another order: predicted from a sample, with nothing written.

What was measured is taken as the truth of today. Of each stored column's bytes, a model tells how they would change: a
pass reads the zones that its tests can't exclude, with the very tests of a query (:mod:`locality.operators.filters`);
rows that are fetched afterwards touch lines of these zones. What does not depend on the order stays as measured. A
grouping by a key whose values lie together has little state; where they would not any more, its records are counted.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from locality.advisor.analysis import Analysis
from locality.advisor.sample import Sample
from locality.advisor.uses import Grouping, TableUse
from locality.encodings import EncodedColumn
from locality.operators.filters.conditions import plan_tests
from locality.operators.filters.filter import Test
from locality.operators.filters.zones import possible_blocks, possible_zones
from locality.operators.relations.relation import ColumnsSegment, Relation
from locality.operators.relations.tables import scan_relation
from locality.operators.relations.traffic import touched_share
from locality.plan.expressions import columns_of
from locality.plan.nodes import PRIMARY
from locality.plan.virtual import NAMES, ROW_ID
from locality.runtime.paths import OrderColumn
from locality.runtime.reorder import RowOrder
from locality.storage.snapshot import Snapshot
from locality.storage.table import ForeignKey, Layout, Table
from locality.storage.zones import BLOCK_ROWS, BLOCKS, Zones

Bits = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
#: Parts of a layout, blocks or zones: which of them are read, and the rows of each.
_Parts = tuple[Bits, Counts]

#: Values in the ranges of all zones, as a multiple of the rows, up to which a grouping finds its key clustered.
_MOST_SPREAD = 2
#: Groups up to which every worker has state for all of them anyway.
_FEW_GROUPS = 65536
#: Bytes of a cell of state.
_WORD = 8


@dataclass(frozen=True)
class Placement:
    """A layout of a table, as it is or might be.

    order: how its rows lie; None for that of the stored layout of this name, without columns for that of the primary.
    columns: positions in the table of those that it has; None for all.
    """

    name: str
    order: RowOrder | None = None
    columns: frozenset[int] | None = None

    def serves(self, use: TableUse) -> bool:
        """Whether the scan could read it."""
        return self.columns is None or self.columns.issuperset(c for c in use.scan.columns if c not in NAMES)


@dataclass(frozen=True)
class Cost:
    """What a scan reads of a layout.

    share: of the rows, those in zones that its tests can't exclude. columns: bytes by the column's stored name.
    routed: the bytes by which the optimizer chooses among layouts.
    """

    share: float
    columns: Mapping[str, float]
    routed: float


@dataclass(frozen=True, eq=False)
class _SampleSegment(ColumnsSegment):
    """The columns of a sample in any order, with the zones of the one that is asked about."""

    bounds: Mapping[int, Zones]
    rows_of_zone: int

    @property
    def zone_rows(self) -> int:
        return self.rows_of_zone

    def zones(self, index: int) -> Zones | None:
        return self.bounds.get(index)


class TableModel:
    """Predictions for one table in any layout."""

    def __init__(self, table: Table, sample: Sample) -> None:
        self.table, self.sample = table, sample
        self._tests: dict[Hashable, tuple[list[Test], Relation]] = {}
        self._zones: dict[tuple[Hashable, RowOrder | str], tuple[_Parts, _Parts]] = {}
        self._read_shares: dict[tuple[Hashable, RowOrder | str], tuple[float, float]] = {}
        self._selectivities: dict[Hashable, float] = {}
        self._costs: dict[tuple[TableUse, RowOrder | str], Cost] = {}
        self._widths: dict[tuple[int, RowOrder | str], float] = {}

    def cost(self, use: TableUse, placement: Placement) -> Cost:
        """What the scan reads if it reads this layout."""
        key = use, placement.order or placement.name
        if key not in self._costs:
            share, routed = self._shares(use, placement)
            rows = share * self.table.row_count
            widths = {column: self.width(column, placement) for column in use.scan.columns if column not in NAMES}
            kept = min(self.selectivity(use) / share, 1.0) if share else 0.0
            read = {use.scan.columns[index]: 1.0 for index in use.scanned}
            gathered = (use.scan.columns[index] for index in use.gathered)
            read |= {column: touched_share(widths[column], kept) for column in gathered}
            columns = {self._stored_name(column): lines * rows * widths[column] for column, lines in read.items()}
            self._costs[key] = Cost(share, columns, routed * self.table.row_count * sum(widths.values()))
        return self._costs[key]

    def routed_bytes(self, use: TableUse, placement: Placement) -> float:
        """The bytes by which the optimizer chooses among layouts, see Cost."""
        widths = (self.width(column, placement) for column in use.scan.columns if column not in NAMES)
        return self._shares(use, placement)[1] * self.table.row_count * sum(widths)

    def zones_read(self, use: TableUse, placement: Placement) -> tuple[Bits, Counts]:
        """Which zones of a layout, of a sample if it is not stored, the scan can't exclude; and the rows of each."""
        return self._read(use, placement)[1]

    def _read(self, use: TableUse, placement: Placement) -> tuple[_Parts, _Parts]:
        """The blocks that a scan reads, and the zones."""
        key = use.asks, placement.order or placement.name
        if key not in self._zones:
            order = placement.order
            self._zones[key] = self._read_stored(use, placement.name) if order is None else self._read_then(use, order)
        return self._zones[key]

    def _read_stored(self, use: TableUse, layout: str) -> tuple[_Parts, _Parts]:
        relation = scan_relation(self.table, replace(use.scan, layout=layout))
        tests = plan_tests(relation, use.conjuncts)
        sizes = []
        for segment in relation.segments:
            first = np.arange(0, segment.row_count, segment.zone_rows)
            sizes.append(np.minimum(first + segment.zone_rows, segment.row_count) - first)
        rows: Counts = np.concatenate(sizes)
        possible = possible_zones(relation, tests)
        zones = np.ones(len(rows), dtype=np.bool_) if possible is None else possible
        blocks = possible_blocks(relation, tests, zones)
        if blocks is None:
            return (zones, rows), (zones, rows)
        before = np.tile(np.arange(BLOCKS) * BLOCK_ROWS, len(rows))
        return (blocks, np.clip(np.repeat(rows, BLOCKS) - before, 0, BLOCK_ROWS)), (zones, rows)

    def _read_then(self, use: TableUse, order: RowOrder) -> tuple[_Parts, _Parts]:
        blocks = self._possible_then(use, order, self.sample.blocks, self.sample.block_rows)
        zones = self._possible_then(use, order, self.sample.zones, self.sample.zone_rows)
        return (blocks, np.ones(len(blocks), np.int64)), (zones, np.ones(len(zones), np.int64))

    def _shares(self, use: TableUse, placement: Placement) -> tuple[float, float]:
        """The share of the rows in the blocks that a scan reads, and in the zones, by which plans are made."""
        key = use.asks, placement.order or placement.name
        if key not in self._read_shares:
            blocks, zones = (float(rows[left].sum() / max(rows.sum(), 1)) for left, rows in self._read(use, placement))
            self._read_shares[key] = blocks, zones
        return self._read_shares[key]

    def _possible_then(
        self, use: TableUse, order: RowOrder, parts: Callable[[OrderColumn, RowOrder], Zones], size: int
    ) -> Bits:
        """Which parts, of so many rows of the sample, a scan could not exclude if the table lay in an order."""
        tests, relation = self._planned(use)
        (segment,) = relation.segments
        tested = {index for test in tests for e in test.reads for index in columns_of(e)}
        everything = np.ones(-(-self.sample.rows // size), dtype=np.bool_)
        if not tested:
            return everything
        bounds = {index: parts(self._column(use.scan.columns[index]), order) for index in tested}
        columns = tuple(segment.column(i) for i in range(len(relation.types)))
        view = _SampleSegment(columns, segment.row_count, bounds, size)
        possible = possible_zones(replace(relation, segments=(view,)), tests)
        return everything if possible is None else possible

    def _column(self, position: int) -> OrderColumn:
        """A column of the table, or one that its layouts carry."""
        name = self.table.column_name(position)
        if position < len(self.table.columns):
            return OrderColumn(name, (), name)
        return _carried_column(self.sample.snapshot, self.table, position)

    def _stored_name(self, position: int) -> str:
        return f"{self.table.name}.{self.table.column_name(position)}"

    def width(self, position: int, placement: Placement) -> float:
        """Bytes of a value of a column of the table, by position, in a layout."""
        key = position, placement.order or placement.name
        if key not in self._widths:
            order = placement.order
            self._widths[key] = (
                self._width_today(position, placement.name) if order is None else self._width_after(position, order)
            )
        return self._widths[key]

    def _width_today(self, position: int, name: str) -> float:
        if raw := self.table.raw_bytes(position):
            return raw / max(self.table.row_count, 1)
        layout = self._holder(position, name)
        if layout is None:
            parent, column = self._parent_of(position)
            return _stored_width(parent.layouts[0], column) if column not in NAMES else _WORD / 2
        index = layout.positions[position]
        return _stored_width(layout, index)

    def selectivity(self, use: TableUse) -> float:
        """The share of the rows for which all conjuncts of a scan are true, about."""
        if use.asks not in self._selectivities:
            self._selectivities[use.asks] = math.prod(test.share for test in self._planned(use)[0])
        return self._selectivities[use.asks]

    def _parent_of(self, number: int) -> tuple[Table, int]:
        """The table and position of the column that a derived one has the values of."""
        plan = self.table.derived_columns[number - len(self.table.columns)].plan
        return self.sample.snapshot.tables[plan.path[-1].table], plan.column

    def _holder(self, position: int, name: str = PRIMARY) -> Layout | None:
        """The layout of a name, or if it lacks a column, another one that has it; None if none does."""
        layouts = [each for each in self.table.layouts if each.name == name] + list(self.table.layouts)
        return next((each for each in layouts if each.segments and position in each.positions), None)

    def _width_after(self, position: int, order: RowOrder) -> float:
        held = self._holder(position)
        if held is not None:
            encoding = held.segments[0].encoding(held.positions[position])
            today = self.width(position, Placement(held.name))
        else:
            parent, column = self._parent_of(position)
            if column in NAMES:  # a row's position
                return _WORD / 2
            encoding = parent.segments[0].encoding(column)
            today = _stored_width(parent.layouts[0], column)
        if encoding in ("text", "opaque"):
            return today
        return self.sample.width(self._column(position), order, today, encoding)

    def clusters(self, grouping: Grouping, use: TableUse, placement: Placement) -> bool:
        """Whether rows of a group lie together in a layout."""
        position = use.scan.columns[grouping.column]
        if self.table.is_derived(position) and self._parent_of(position)[1] == ROW_ID:
            return True  # plans group by positions only where rows follow them
        if placement.order is None:
            layout = self.table.layout(placement.name)
            index = layout.positions[position]
            parts = [(segment.zones(index), segment.column(index)) for segment in layout.segments]
        else:
            column = self._column(position)
            parts = [(self.sample.zones(column, placement.order), self.sample.column(column))]
        return sum(_spread(zones, column) for zones, column in parts) <= _MOST_SPREAD * self.table.row_count

    def _planned(self, use: TableUse) -> tuple[list[Test], Relation]:
        """The tests of a scan, but of strings without a dictionary, of which few exclude zones and reading takes long,
        and of what is not stored as a column: positions, and which rows were deleted.
        """
        if use.asks not in self._tests:
            stored = scan_relation(self.table, replace(use.scan, layout=PRIMARY))
            untested = {
                i for i, column in enumerate(use.scan.columns) if column in NAMES or self.table.raw_bytes(column)
            }
            conjuncts = [term for term in use.conjuncts if untested.isdisjoint(columns_of(term))]
            needed = {i for term in conjuncts for i in columns_of(term)}
            columns = [
                self.sample.column(self._column(use.scan.columns[i]))
                if i in needed
                else EncodedColumn(dtype, "constant", self.sample.rows, all_null=True)
                for i, dtype in enumerate(use.scan.types)
            ]
            bounds = {i: self.sample.zones(self._column(use.scan.columns[i]), RowOrder(())) for i in needed}
            segment = _SampleSegment(tuple(columns), self.sample.rows, bounds, self.sample.zone_rows)
            relation = Relation(stored.name, stored.types, stored.intervals, (segment,), 0.0, stored.distinct)
            self._tests[use.asks] = plan_tests(relation, conjuncts), relation
        return self._tests[use.asks]

    def change(self, analysis: Analysis, base: Sequence[Placement], placements: Sequence[Placement]) -> float:
        """Bytes that a query would move more, negative if less, with these layouts of the table instead of ``base``."""
        before: dict[str, float] = defaultdict(float)
        after: dict[str, float] = defaultdict(float)
        total = state = 0.0
        for use in analysis.uses:
            if use.scan.table != self.table.name:
                continue
            today = next(each for each in base if each.name == use.scan.layout)
            chosen = self.routed(use, placements)
            if chosen is None:  # its plan would be another one
                return float("inf")
            for name, nbytes in self.cost(use, today).columns.items():
                before[name] += nbytes
            for name, nbytes in self.cost(use, chosen).columns.items():
                after[name] += nbytes
            if chosen != today:
                state += self.state(use, chosen) - self.state(use, today)
        for name, modelled in before.items():
            total += analysis.touched.get(name, 0) * (after[name] / modelled - 1) if modelled else 0.0
        return total + max(state, -analysis.state)

    def routed(self, use: TableUse, placements: Sequence[Placement]) -> Placement | None:
        """The layout that the optimizer would have a scan read, see :mod:`locality.optimizer.route`; None has all."""
        served = [placement for placement in placements if placement.serves(use)]
        return min(served, key=lambda each: self.cost(use, each).routed + self.state(use, each), default=None)

    def state(self, use: TableUse, placement: Placement) -> float:
        """Bytes of state that a scan's groupings have where rows of a group lie apart, see operators/aggregation."""
        return sum(self._state(grouping, use, placement) for grouping in use.groupings)

    def _state(self, grouping: Grouping, use: TableUse, placement: Placement) -> float:
        position = use.scan.columns[grouping.column]
        groups = self.table.distinct_count(position).count
        if groups <= max(_FEW_GROUPS, self.table.row_count // 16) or self.clusters(grouping, use, placement):
            return 0.0
        records = self.table.row_count * self.cost(use, placement).share * (1 + grouping.slots)
        return 2 * _WORD * (records + groups)


def _carried_column(snapshot: Snapshot, table: Table, number: int) -> OrderColumn:
    """A derived column of a table, by its number, as one of a parent's."""
    derived = table.derived_columns[number - len(table.columns)]
    path, holder = [], table
    for reference in derived.plan.path:
        parent = snapshot.tables[reference.table]
        names = (tuple(holder.columns[i].name for i in reference.columns), parent.name)
        path.append(ForeignKey(*names, tuple(parent.columns[i].name for i in reference.parents)))
        holder = parent
    return OrderColumn(derived.name, tuple(path), holder.column_name(derived.plan.column))


def _stored_width(layout: Layout, index: int) -> float:
    """Bytes of a value of a column of a layout, by its position there."""
    return sum(each.width(index) * each.row_count for each in layout.segments) / max(layout.row_count, 1)


def _spread(zones: Zones, column: EncodedColumn) -> float:
    """Values in the ranges of all zones together; infinite where bounds do not tell."""
    if zones.minimum is None or zones.maximum is None or column.dictionary is not None or zones.nulls.any():
        return float("inf")
    return float((zones.maximum.astype(np.float64) - zones.minimum + 1).sum() * column.factor)
