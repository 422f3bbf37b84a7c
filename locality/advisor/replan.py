"""Queries planned again over layouts that are not there, by the optimizer itself, and what they would move and do."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from locality.advisor.analysis import Analysis
from locality.advisor.effort import Effort
from locality.advisor.uses import TableUse, table_uses
from locality.advisor.whatif import Placement, TableModel
from locality.optimizer import optimize
from locality.optimizer.estimate import Estimator
from locality.plan.derived import Derived
from locality.plan.expressions import Expression
from locality.plan.nodes import PRIMARY, Node, Scan, walk_nodes
from locality.plan.virtual import ROW_ID
from locality.runtime.statistics import StoredStatistics
from locality.storage.snapshot import Snapshot
from locality.storage.table import Table

Design = Mapping[str, tuple[Placement, ...]]

#: Layouts of the tables that a query's plan depends on, without what it has no use for.
_Known = tuple[tuple[str, tuple[Placement, ...]], ...]


@dataclass(frozen=True)
class DesignStatistics(StoredStatistics):
    """The :class:`~locality.optimizer.statistics.Statistics` of tables in layouts as they might be.

    snapshot: with the layouts that are stored. models, design: of those tables whose layouts may differ from them.
    """

    snapshot: Snapshot
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
        if table not in self.design:
            return super().follows(table, layout, column)
        stored = self.tables[table]
        if stored.is_derived(column):
            found = stored.derived_columns[column - len(stored.columns)]
            if found.plan.column == ROW_ID:
                return self._follows_parent(table, layout, found.plan, found.name)
        placement = self._placement(table, layout)
        if placement.order is not None and placement.order.columns:
            return placement.order.columns[0].name == stored.column_name(column)
        return any(each.name == layout for each in stored.layouts) and super().follows(table, layout, column)

    def _follows_parent(self, table: str, layout: str, index: Derived, name: str) -> bool:
        """Whether rows of a layout lie in the order in which those of their parents will."""
        parent = index.path[-1].table
        first = self._first(parent, PRIMARY)
        if first is not None and self._first(table, layout) == f"{name.rpartition('.')[0]}.{first}":
            return True
        (key, *further), (parent_key, *_) = index.path[0].columns, index.path[0].parents
        is_direct = len(index.path) == 1 and not further
        return is_direct and self.follows(table, layout, key) and self.follows(parent, PRIMARY, parent_key)

    def _first(self, table: str, layout: str) -> str | None:
        """The column by which rows of a layout are in order first; None if they lie as they came."""
        order = self._placement(table, layout).order if table in self.design else None
        if order is not None and (order.columns or order.curve):
            return order.columns[0].name if order.columns else None
        stored = next(each for each in self.snapshot.entries[table].layouts if each.name == layout)
        return stored.order[0] if stored.order else None

    def scan_bytes(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        if scan.table not in self.design:
            return super().scan_bytes(scan, conjuncts)
        use, placement = TableUse(scan, list(conjuncts)), self._placement(scan.table, scan.layout)
        return self.models[scan.table].cost(use, placement).routed if placement.serves(use) else math.inf

    def selectivity(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        stored = self.tables[scan.table]
        if scan.table not in self.models or not any(map(stored.is_derived, scan.columns)):
            return super().selectivity(scan, conjuncts)
        return self.models[scan.table].selectivity(TableUse(scan, list(conjuncts)))

    def _placement(self, table: str, layout: str) -> Placement:
        return next(each for each in self.design[table] if each.name == layout)


class Planner:
    """Plans the queries of a workload over any design; what does not concern a query leaves its plan as it was.

    base: the design over which the queries were measured.
    """

    def __init__(self, snapshot: Snapshot, models: Mapping[str, TableModel], base: Design) -> None:
        self._snapshot, self._models, self._base = snapshot, models, base
        self._tables: dict[str, Table] = {**snapshot.scanned, **{name: each.table for name, each in models.items()}}
        self._scanned: dict[Analysis, frozenset[str]] = {}
        self._found: dict[tuple[Analysis, _Known], Analysis] = {}

    def over(self, analyses: Sequence[Analysis], design: Design) -> list[Analysis]:
        """The queries, as they were measured, as they would be planned over a design."""
        return [self._over(analysis, design) for analysis in analyses]

    def _over(self, analysis: Analysis, design: Design) -> Analysis:
        if analysis not in self._scanned:
            scans = (node for node in walk_nodes(analysis.root) if isinstance(node, Scan))
            self._scanned[analysis] = frozenset(scan.table for scan in scans)
        key = analysis, self._known(self._scanned[analysis], design)
        if key not in self._found:
            statistics = DesignStatistics(self._tables, self._snapshot, self._models, {**design, **dict(key[1])})
            self._found[key] = replanned(analysis, statistics, self._base)
        return self._found[key]

    def _known(self, tables: frozenset[str], design: Design) -> _Known:
        """The layouts of tables that plans for them may depend on; positions depend on parents that none reads, too."""
        parents = {
            each.plan.path[0].table
            for table in tables & design.keys()
            for each in self._tables[table].derived_columns
            if each.plan.column == ROW_ID
        }
        known = sorted((tables | parents) & design.keys())
        return tuple((table, tuple(self._useful(tables, table, each) for each in design[table])) for table in known)

    def _useful(self, tables: frozenset[str], table: str, placement: Placement) -> Placement:
        """A placement without columns of parents that no plan of these tables has a use for."""
        useless = {
            each.plan.number
            for each in self._tables[table].derived_columns
            if each.plan.column != ROW_ID and not tables.issuperset(step.table for step in each.plan.path)
        }
        if placement.columns is None or useless.isdisjoint(placement.columns):
            return placement
        return replace(placement, columns=placement.columns - useless)


def replanned(analysis: Analysis, statistics: DesignStatistics, base: Design) -> Analysis:
    """The query over the design of ``statistics``, with the bytes that it would move.

    base: over what it was measured. What its plan does beside reading stored columns, and grouping by one of them, is
    taken to move as many bytes as before.
    """
    root = optimize(analysis.root, statistics)
    uses = table_uses(root)
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
    rounded = {name: round(nbytes) for name, nbytes in touched.items()}
    effort = sum(after.values()) + _tested(uses, statistics) + _worked(root, statistics)
    return replace(analysis, bytes=moved, touched=rounded, uses=uses, effort=effort)


def _worked(root: Node, statistics: DesignStatistics) -> float:
    effort = Effort(Estimator(statistics))
    effort.walk(root)
    return effort.total


def _tested(uses: Sequence[TableUse], statistics: DesignStatistics) -> float:
    """What scans take beside reading: little for each row, since many are tested at once."""
    total = 0.0
    for use in uses:
        if use.scan.table in statistics.models:
            model = statistics.models[use.scan.table]
            share = model.cost(use, _placement(statistics.design, use)).share
            total += share * model.table.row_count
    return total


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
