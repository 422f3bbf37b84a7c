"""What a query would move if a table's rows lay in another order: predicted from a sample, with nothing written.

What was measured is taken as the truth of today. Of each stored column's bytes, a model tells how they would change: a
pass reads the zones that its tests can't exclude, with the very tests of a query (:mod:`locality.operators.filters`);
rows that are fetched afterwards touch lines of these zones. What does not depend on the order stays as measured. A
grouping by a key whose values lie together has little state; where they would not any more, its records are counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from locality.advisor.analysis import Analysis
from locality.advisor.pruning import Bits, Counts, Lie, Pruning
from locality.advisor.sample import Sample, sampled_column
from locality.advisor.uses import Grouping, TableUse
from locality.encodings import EncodedColumn
from locality.operators.relations.traffic import touched_share
from locality.plan.nodes import PRIMARY
from locality.plan.virtual import NAMES
from locality.runtime.paths import OrderColumn
from locality.runtime.reorder import RowOrder
from locality.storage.table import Layout, Table
from locality.storage.zones import Zones

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

    @property
    def lie(self) -> Lie:
        """How its rows lie."""
        return self.order or self.name

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


class TableModel:
    """Predictions for one table in any layout."""

    def __init__(self, table: Table, sample: Sample) -> None:
        self.table, self.sample = table, sample
        self._pruning = Pruning(table, sample)
        self._costs: dict[tuple[TableUse, Lie], Cost] = {}
        self._widths: dict[tuple[int, Lie], float] = {}

    def cost(self, use: TableUse, placement: Placement) -> Cost:
        """What the scan reads if it reads this layout."""
        key = use, placement.lie
        if key not in self._costs:
            share, routed = self._pruning.shares(use, placement.lie)
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
        return self._pruning.shares(use, placement.lie)[1] * self.table.row_count * sum(widths)

    def zones_read(self, use: TableUse, placement: Placement) -> tuple[Bits, Counts]:
        """Which zones of a layout, of a sample if it is not stored, the scan can't exclude; and the rows of each."""
        return self._pruning.read(use, placement.lie)[1]

    def _column(self, position: int) -> OrderColumn:
        return sampled_column(self.sample.snapshot, self.table, position)

    def _stored_name(self, position: int) -> str:
        return f"{self.table.name}.{self.table.column_name(position)}"

    def width(self, position: int, placement: Placement) -> float:
        """Bytes of a value of a column of the table, by position, in a layout."""
        key = position, placement.lie
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
        if layout is not None:
            return _stored_width(layout, layout.positions[position])
        if self.table.is_position(position):
            return _WORD / 2
        parent, column = self._parent_of(position)
        return _stored_width(parent.layouts[0], column)

    def selectivity(self, use: TableUse) -> float:
        """The share of the rows for which all conjuncts of a scan are true, about."""
        return self._pruning.selectivity(use)

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
        if self.table.is_position(position):
            return self._width_today(position, PRIMARY)  # whatever they are then, there are as many
        if held is not None:
            encoding = held.segments[0].encoding(held.positions[position])
            today = self.width(position, Placement(held.name))
        else:
            parent, column = self._parent_of(position)
            encoding = parent.segments[0].encoding(column)
            today = _stored_width(parent.layouts[0], column)
        if encoding in ("text", "opaque"):
            return today
        return self.sample.width(self._column(position), order, today, encoding)

    def clusters(self, grouping: Grouping, use: TableUse, placement: Placement) -> bool:
        """Whether rows of a group lie together in a layout."""
        position = use.scan.columns[grouping.column]
        if self.table.is_position(position):
            return True  # plans group by positions only where rows follow them
        if placement.order is None:
            layout = self.table.layout(placement.name)
            index = layout.positions[position]
            parts = [(segment.zones(index), segment.column(index)) for segment in layout.segments]
        else:
            column = self._column(position)
            parts = [(self.sample.zones(column, placement.order), self.sample.column(column))]
        return sum(_spread(zones, column) for zones, column in parts) <= _MOST_SPREAD * self.table.row_count

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


def _stored_width(layout: Layout, index: int) -> float:
    """Bytes of a value of a column of a layout, by its position there."""
    return sum(each.width(index) * each.row_count for each in layout.segments) / max(layout.row_count, 1)


def _spread(zones: Zones, column: EncodedColumn) -> float:
    """Values in the ranges of all zones together; infinite where bounds do not tell."""
    if zones.minimum is None or zones.maximum is None or column.dictionary is not None or zones.nulls.any():
        return float("inf")
    return float((zones.maximum.astype(np.float64) - zones.minimum + 1).sum() * column.factor)
