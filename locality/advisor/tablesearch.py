"""The layouts that one table might have, and what the workload would move over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from locality.advisor.analysis import Analysis
from locality.advisor.carried import with_carried
from locality.advisor.orders import combined_orders, single_orders
from locality.advisor.sample import Sample
from locality.advisor.whatif import Placement, TableModel
from locality.advisor.worth import LOSS
from locality.operators.physical import Execution
from locality.plan.nodes import PRIMARY
from locality.plan.virtual import NAMES
from locality.runtime.reorder import RowOrder, resolve_order
from locality.storage.entries import TableEntry
from locality.storage.lookups import ENTRY_BYTES, MOST_STEPS
from locality.storage.snapshot import Snapshot

#: Orders for further layouts that are looked at closely, after a glance at all.
_FINALISTS = 5
#: The best orders by one column, at a glance, of which longer ones are made.
_COMBINED = 3
#: The share of the best order's value at which a simpler one is taken.
_NEARLY = 0.98
#: The share of what a scan reads that it must save to be worth columns of its own in a further layout.
_WORTH = 0.1

Placements = tuple[Placement, ...]


@dataclass(frozen=True)
class Move:
    """A step from one set of layouts to another. changed: the layout that is made or put in another order.

    value: bytes that a run of the workload moves less at a glance, losses counting more. size: further bytes that the
    store takes.
    """

    table: str
    before: Placements
    after: Placements
    changed: Placement
    value: float
    size: float


class TableSearch:
    """What could be done with one table.

    base: the layouts that the queries are taken to be measured over. model: predictions for any layouts.
    """

    def __init__(self, snapshot: Snapshot, table: str, analyses: Sequence[Analysis], execution: Execution) -> None:
        self.entry: TableEntry = snapshot.entries[table]
        self.table = with_carried(snapshot, table, analyses)
        sample = Sample(snapshot, self.table, execution)
        self.model = TableModel(self.table, sample)
        self._glance = TableModel(self.table, sample.thinned())
        self._snapshot = snapshot
        self.stored: Placements = tuple(
            Placement(each.name, None, frozenset(each.positions)) for each in snapshot.tables[table].layouts
        )
        self.rebase(analyses, self.stored)

    def rebase(self, analyses: Sequence[Analysis], base: Placements) -> None:
        """Goes on from queries as they are planned and predicted over other layouts."""
        self.analyses = [a for a in analyses if any(use.scan.table == self.table.name for use in a.uses)]
        self.base = base
        self._changes: dict[tuple[Analysis, Placements], float] = {}

    def change(self, analysis: Analysis, placements: Placements) -> float:
        """Bytes that a query would move more than over the base."""
        key = analysis, placements
        if key not in self._changes:
            self._changes[key] = self.model.change(analysis, self.base, placements)
        return self._changes[key]

    def value(self, placements: Placements) -> float:
        """Bytes that a run of the workload would move less than over the base, losses counting more."""
        return valued(self.analyses, [self.change(a, placements) for a in self.analyses])

    def best_orders(
        self, analyses: Sequence[Analysis], base: Placements, *, further: bool = False, loss: float = LOSS
    ) -> list[RowOrder]:
        """Orders that are worth something at a glance to queries as they are planned over ``base``, the best first.

        Of those nearly as good as the best, the one of fewest columns is taken for it. Orders of several columns are
        made of those that are best alone. further: for a copy beside ``base``, not for the primary layout.
        loss: how much a byte counts that a query moves more.
        """
        asked = [a for a in analyses if any(use.scan.table == self.table.name for use in a.uses)]

        def value(order: RowOrder) -> float:
            beside = (*base, Placement("", order))
            placements = beside if further else (Placement(PRIMARY, order, base[0].columns), *base[1:])
            return valued(asked, [self._glance.change(a, base, placements) for a in asked], loss)

        wanted = single_orders(self._snapshot, self.table, asked)
        singles = {order: value(order) for order in wanted if base[0].order is not None or not self.lies_in(order)}
        ranked = sorted((order for order in singles if singles[order] > 0), key=lambda order: -singles[order])
        longer = combined_orders(self._snapshot, self.table, ranked[:_COMBINED])
        values = singles | {order: value(order) for order in longer}
        best = max(values.values(), default=0.0)
        near = [order for order in values if best > 0 and values[order] >= _NEARLY * best][:1]
        others = (order for order in values if values[order] > 0 and order not in near)
        return near + sorted(others, key=lambda order: -values[order])

    def lies_in(self, order: RowOrder) -> bool:
        """Whether the rows of the stored table are in the order of a column, of its own or one that it carries."""
        orders = {column.name: column.statistics.sorted for column in self.entry.columns}
        orders |= {column.name: column.statistics.sorted for column in self.entry.primary.derived}
        return orders.get(order.columns[0].name) in ("ascending", "strictly ascending")

    def additions(self, placements: Placements) -> list[Move]:
        """Further layouts, each with the columns of those scans that gain the most by it for their width."""
        now = self.value(placements)
        moves = []
        for order in self.best_orders(self.analyses, self.base, further=True)[:_FINALISTS]:
            for columns in self._column_sets(placements, order):
                name = self._free_name(order, placements)
                changed = Placement(name, order, columns)
                after = (*placements, changed)
                moves.append(
                    Move(self.table.name, placements, after, changed, self.value(after) - now, self.size(changed))
                )
        return moves

    def kept_for(self, losers: Sequence[Analysis], placements: Placements) -> list[Placement]:
        """Copies in which groups of queries that lose lie together, each with the columns that these read."""
        wanted: dict[RowOrder, frozenset[int]] = {}
        for analysis in losers:
            for use in analysis.uses:
                own = frozenset(c for c in use.scan.columns if c not in NAMES)
                if use.scan.table != self.table.name or any(c >= len(self.table.columns) for c in own):
                    continue
                for grouping in use.groupings:
                    name = self.table.column_name(use.scan.columns[grouping.column])
                    order = resolve_order(self._snapshot, self.table.name, (name,))
                    wanted[order] = wanted.get(order, frozenset()) | own
        found: list[Placement] = []
        for order, columns in wanted.items():
            found.append(Placement(self._free_name(order, (*placements, *found)), order, columns))
        return found

    def size(self, placement: Placement) -> float:
        """Bytes of a layout's files, about."""
        columns = placement.columns if placement.columns is not None else range(len(self.table.columns))
        width = sum(self.model.width(c, placement) * self._packed(c) for c in columns)
        row_ids = 0.0 if placement.name == PRIMARY else _code_bytes(self.table.row_count)
        return self.table.row_count * (width + row_ids)

    def _packed(self, column: int) -> float:
        """Bytes on disk for each in memory: strings without a dictionary are compressed."""
        return self._text_ratio if self.table.raw_bytes(column) else 1.0

    @cached_property
    def _text_ratio(self) -> float:
        raw = sum(self.table.raw_bytes(i) for i in range(len(self.table.columns)))
        files = sum(files.text.size for files in self.entry.primary.segments if files.text is not None)
        return files / raw if raw else 1.0

    def carried_size(self, placement: Placement, number: int) -> float:
        """Bytes of a derived column of a layout, about."""
        return max(self.table.row_count * self.model.width(number, placement), 1.0)

    def lookups_size(self, order: RowOrder | None) -> float:
        """Bytes of the lists, about, that columns get whose order rows would leave for another one."""
        if order is None:
            return 0.0
        first = order.columns[0] if order.columns else None
        size = 0.0
        for index, column in enumerate(self.table.columns):
            lies = any(segment.zones(index).blocks is not None for segment in self.table.segments)
            if not lies or (first is not None and first.name == column.name):
                continue
            distinct = self.table.distinct_count(index).count
            is_kept = first is not None and first.path and first.path[0].columns == (column.name,)
            entries = distinct if is_kept else self.table.row_count
            size += ENTRY_BYTES * entries if entries <= MOST_STEPS * distinct else 0.0
        return size

    def _column_sets(self, placements: Placements, order: RowOrder) -> list[frozenset[int]]:
        """Columns of scans that would gain by a further layout: of those that gain most for their width, and of all."""
        ordered = Placement("", order)
        gains: dict[frozenset[int], float] = {}
        for analysis in self.analyses:
            for use in analysis.uses:
                columns = frozenset(c for c in use.scan.columns if c not in NAMES)
                if use.scan.table != self.table.name:
                    continue
                held = self.model.routed(use, placements)
                now = 0.0 if held is None else self.model.cost(use, held).routed
                gain = now - self.model.cost(use, ordered).routed
                if gain > _WORTH * now:
                    gains[columns] = gains.get(columns, 0.0) + analysis.weight * gain
        chosen: frozenset[int] = frozenset()
        steps: list[tuple[float, frozenset[int]]] = []
        total = 0.0
        while gains:
            # each step takes the scan that adds most for the columns that are still missing
            step = max(
                gains, key=lambda columns: gains[columns] / (1 + self.size(Placement("", order, columns - chosen)))
            )
            total += gains.pop(step)
            chosen |= step
            steps.append((total / self.size(Placement("", order, chosen)), chosen))
        if not steps:
            return []
        return list(dict.fromkeys([max(steps, key=lambda step: step[0])[1], steps[len(steps) // 2][1], chosen]))

    def _free_name(self, order: RowOrder, placements: Placements) -> str:
        columns, curve = order.names
        base = "by_" + "_".join([*columns, *curve]).replace(".", "_")
        taken = {placement.name for placement in placements}
        names = (base if number == 1 else f"{base}_{number}" for number in range(1, len(taken) + 2))
        return next(name for name in names if name not in taken)


def valued(analyses: Sequence[Analysis], changes: Sequence[float], loss: float = LOSS) -> float:
    """Bytes that a run of the queries moves less, by how many each moves more, where losses count ``loss`` times."""
    return sum(-a.weight * (c if c < 0 else loss * c) for a, c in zip(analyses, changes, strict=True))


def _code_bytes(rows: int) -> int:
    """Bytes of a row's position, whose codes are narrow."""
    return next(width for width in (1, 2, 4, 8) if rows < 1 << (8 * width))
