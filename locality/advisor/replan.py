"""Queries planned again over layouts that are not there, where other layouts make for another plan."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from locality.advisor.analysis import Analysis
from locality.advisor.uses import TableUse, table_uses
from locality.advisor.whatif import Placement, TableModel
from locality.optimizer import optimize
from locality.plan.derived import Derived
from locality.plan.expressions import Expression
from locality.plan.nodes import Scan
from locality.runtime.statistics import StoredStatistics

Design = Mapping[str, tuple[Placement, ...]]


@dataclass(frozen=True)
class DesignStatistics(StoredStatistics):
    """The :class:`~locality.optimizer.statistics.Statistics` of tables in layouts as they might be.

    models, design: of those tables whose layouts may differ from those stored.
    """

    models: Mapping[str, TableModel]
    design: Design

    def layouts(self, table: str) -> Sequence[str]:
        return [each.name for each in self.design[table]] if table in self.design else super().layouts(table)

    def derived(self, table: str, layout: str) -> Sequence[Derived]:
        if table not in self.design:
            return super().derived(table, layout)
        columns = self._placement(table, layout).columns or frozenset()
        return [each.plan for each in self.tables[table].derived_columns if each.plan.number in columns]

    def follows(self, table: str, layout: str, column: int) -> bool:
        if table in self.design and (order := self._placement(table, layout).order) is not None and order.columns:
            return order.columns[0].name == self.tables[table].column_name(column)
        stored = self.tables[table]
        return any(each.name == layout for each in stored.layouts) and super().follows(table, layout, column)

    def scan_bytes(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        if scan.table not in self.design:
            return super().scan_bytes(scan, conjuncts)
        use, placement = TableUse(scan, list(conjuncts)), self._placement(scan.table, scan.layout)
        return self.models[scan.table].cost(use, placement).routed if placement.serves(use) else math.inf

    def selectivity(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        stored = self.tables[scan.table]
        if all(column < len(stored.columns) for column in scan.columns):
            return super().selectivity(scan, conjuncts)
        return self.models[scan.table].selectivity(TableUse(scan, list(conjuncts)))

    def _placement(self, table: str, layout: str) -> Placement:
        return next(each for each in self.design[table] if each.name == layout)


def replanned(analysis: Analysis, statistics: DesignStatistics, base: Design) -> Analysis:
    """The query over the design of ``statistics``, with the bytes that it would move.

    base: over what it was measured. What its plan does beside reading stored columns, and grouping by one of them, is
    taken to move as many bytes as before.
    """
    uses = _uses(analysis, statistics)
    before = _modelled(analysis.uses, statistics.models, base)
    after = _modelled(uses, statistics.models, statistics.design)
    touched: dict[str, float] = {}
    for name, nbytes in after.items():
        measured = analysis.touched.get(name, 0)
        touched[name] = measured * nbytes / before[name] if before.get(name) else nbytes
    known = {f"{table}." for table in statistics.models}
    touched |= {
        name: nbytes for name, nbytes in analysis.touched.items() if not any(name.startswith(start) for start in known)
    }
    change = sum(touched.values()) - sum(analysis.touched.values())
    state = _state(uses, statistics.models, statistics.design) - _state(analysis.uses, statistics.models, base)
    change += max(state, -analysis.state)
    moved = max(round(analysis.bytes + change), 0)
    seconds = analysis.seconds * moved / analysis.bytes if analysis.bytes else analysis.seconds
    rounded = {name: round(nbytes) for name, nbytes in touched.items()}
    return replace(analysis, bytes=moved, seconds=seconds, touched=rounded, uses=uses)


def _uses(analysis: Analysis, statistics: DesignStatistics) -> tuple[TableUse, ...]:
    """What a plan over the design does; the plan is the same unless a layout has columns of others of its tables."""
    tables = {use.scan.table for use in analysis.uses}
    for table in tables & statistics.design.keys():
        for layout in statistics.layouts(table):
            for derived in statistics.derived(table, layout):
                if tables.issuperset(reference.table for reference in derived.path):
                    return table_uses(optimize(analysis.root, statistics))
    return tuple(
        _routed(use, statistics.models[use.scan.table], statistics.design[use.scan.table])
        if use.scan.table in statistics.models
        else use
        for use in analysis.uses
    )


def _routed(use: TableUse, model: TableModel, placements: Sequence[Placement]) -> TableUse:
    chosen = model.routed(use, placements)
    if chosen is None or chosen.name == use.scan.layout:
        return use
    return replace(use, scan=replace(use.scan, layout=chosen.name))


def _state(uses: Sequence[TableUse], models: Mapping[str, TableModel], design: Design) -> float:
    return sum(models[use.scan.table].state(use, _placement(design, use)) for use in uses if use.scan.table in models)


def _placement(design: Design, use: TableUse) -> Placement:
    """The layout that a scan reads."""
    return next(each for each in design[use.scan.table] if each.name == use.scan.layout)


def _modelled(uses: Sequence[TableUse], models: Mapping[str, TableModel], design: Design) -> dict[str, float]:
    found: defaultdict[str, float] = defaultdict(float)
    for use in uses:
        if use.scan.table in models:
            for name, nbytes in models[use.scan.table].cost(use, _placement(design, use)).columns.items():
                found[name] += nbytes
    return found
