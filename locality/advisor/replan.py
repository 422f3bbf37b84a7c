"""Queries planned again over layouts that are not there, by the optimizer itself, and what they would move and do."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from locality.advisor.analysis import Analysis
from locality.advisor.effort import Effort
from locality.advisor.uses import TableUse, table_uses
from locality.advisor.whatif import Placement, TableModel
from locality.optimizer import BEFORE_LAYOUTS, BY_LAYOUTS, optimize
from locality.optimizer.estimate import Estimator
from locality.plan.derived import Derived
from locality.plan.expressions import Expression
from locality.plan.nodes import PRIMARY, Node, Scan, walk_nodes
from locality.plan.virtual import NAMES, ROW_ID
from locality.runtime.statistics import StoredStatistics
from locality.storage.snapshot import Snapshot
from locality.storage.table import Table

Design = Mapping[str, tuple[Placement, ...]]

#: Layouts of tables, without what a query has no use for.
_Placed = tuple[tuple[str, tuple[Placement, ...]], ...]
#: What a query's plan depends on: these, and which positions of parents' rows they follow.
_Known = tuple[_Placed, frozenset[tuple[str, str, int]]]

#: Bytes of state that no estimate tells, and the share of it that is there in any plan.
_SOME_STATE, _LEAST_STATE = 1 << 17, 0.2


@dataclass(frozen=True)
class DesignStatistics(StoredStatistics):
    """The :class:`~locality.optimizer.statistics.Statistics` of tables in layouts as they might be.

    snapshot: with the layouts that are stored. models, design: of those tables whose layouts may differ from them.
    sources: what tells how much is read of a derived column: the parent's column, or the key that leads to a position.
    threads: that run queries. shares: of rows that pass conjuncts, as far as was asked; the same in all designs.
    """

    snapshot: Snapshot
    models: Mapping[str, TableModel]
    design: Design
    sources: Mapping[str, str]
    threads: int
    shares: dict[tuple[str, tuple[int, ...], tuple[Expression, ...]], float] = field(default_factory=dict)

    def layouts(self, table: str) -> Sequence[str]:
        return [each.name for each in self.design[table]] if table in self.design else super().layouts(table)

    def derived(self, table: str, layout: str) -> Sequence[Derived]:
        if table not in self.design:
            return super().derived(table, layout)
        columns = self.placement(table, layout).columns or frozenset()
        return [each.plan for each in self.tables[table].derived_columns if each.plan.number in columns]

    def follows(self, table: str, layout: str, column: int) -> bool:
        if table not in self.design:
            return super().follows(table, layout, column)
        stored = self.tables[table]
        if stored.is_derived(column):
            found = stored.derived_columns[column - len(stored.columns)]
            if found.plan.column == ROW_ID:
                return self._follows_parent(table, layout, found.plan, found.name)
        placement = self.placement(table, layout)
        if placement.order is not None and placement.order.columns:
            return placement.order.columns[0].name == stored.column_name(column)
        return any(each.name == layout for each in stored.layouts) and super().follows(table, layout, column)

    def _follows_parent(self, table: str, layout: str, index: Derived, name: str) -> bool:
        """Whether rows of a layout lie in the order in which those of their parents will."""
        parent = index.path[-1].table
        theirs, way = self._order(parent, PRIMARY), name.rpartition(".")[0]
        if theirs and self._order(table, layout) == tuple(f"{way}.{column}" for column in theirs):
            return True
        (key, *further), (parent_key, *_) = index.path[0].columns, index.path[0].parents
        is_direct = len(index.path) == 1 and not further
        return is_direct and self.follows(table, layout, key) and self.follows(parent, PRIMARY, parent_key)

    def _order(self, table: str, layout: str) -> tuple[str, ...]:
        """The columns by which rows of a layout are in order; none if they lie as they came, or along a curve."""
        order = self.placement(table, layout).order if table in self.design else None
        if order is not None and (order.columns or order.curve):
            return () if order.curve else order.names[0]
        stored = next(each for each in self.snapshot.entries[table].layouts if each.name == layout)
        return () if stored.curve else tuple(stored.order)

    def scan_bytes(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        if scan.table not in self.design:
            return super().scan_bytes(scan, conjuncts)
        use, placement = TableUse(scan, list(conjuncts)), self.placement(scan.table, scan.layout)
        return self.models[scan.table].routed_bytes(use, placement) if placement.serves(use) else math.inf

    def selectivity(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        key = scan.table, scan.columns, tuple(conjuncts)
        if key not in self.shares:
            is_own = scan.table not in self.models or not any(map(self.tables[scan.table].is_derived, scan.columns))
            self.shares[key] = (
                super().selectivity(scan, conjuncts)
                if is_own
                else self.models[scan.table].selectivity(TableUse(scan, list(conjuncts)))
            )
        return self.shares[key]

    def placement(self, table: str, layout: str) -> Placement:
        """The layout of a table of the design, by its name."""
        return next(each for each in self.design[table] if each.name == layout)


class Planner:
    """Plans the queries of a workload over any design; what does not concern a query leaves its plan as it was.

    base: the design over which the queries were measured.
    """

    def __init__(self, snapshot: Snapshot, models: Mapping[str, TableModel], base: Design, threads: int) -> None:
        self._tables: dict[str, Table] = {**snapshot.scanned, **{name: each.table for name, each in models.items()}}
        self._base = DesignStatistics(self._tables, snapshot, models, base, _sources(self._tables), threads)
        self._begun: dict[Analysis, _Begun] = {}
        self._found: dict[tuple[Analysis, _Known], _Modelled] = {}
        self._predicted: dict[tuple[Analysis, _Modelled], Analysis] = {}

    def over(self, analyses: Sequence[Analysis], design: Design) -> list[Analysis]:
        """The queries, as they were measured, as they would be planned over a design."""
        return [self._over(analysis, design) for analysis in analyses]

    def _over(self, analysis: Analysis, design: Design) -> Analysis:
        key = analysis, self._modelled(analysis, design)
        if key not in self._predicted:
            before = self._modelled(analysis, self._base.design)
            self._predicted[key] = _predicted(analysis, self._base, before, key[1])
        return self._predicted[key]

    def _modelled(self, analysis: Analysis, design: Design) -> _Modelled:
        if analysis not in self._begun:
            self._begun[analysis] = _Begun.of(optimize(analysis.root, self._base, passes=BEFORE_LAYOUTS))
        begun = self._begun[analysis]
        placed = tuple(
            (table, tuple(useful for each in design[table] if (useful := self._useful(begun, table, each)) is not None))
            for table in sorted(begun.read.keys() & design.keys())
        )
        statistics = replace(self._base, design={**design, **dict(placed)})
        key = analysis, (placed, self._following(statistics, placed))
        if key not in self._found:
            self._found[key] = _Modelled.of(begun.root, statistics)
        return self._found[key]

    def _useful(self, begun: _Begun, table: str, placement: Placement) -> Placement | None:
        """A placement without columns of parents that no plan of a query has a use for.

        None for a further layout that has of no scan all columns, but keys, which carried columns may stand for.
        """
        stored = self._tables[table]
        keys = {column for each in stored.derived_columns for column in each.plan.path[0].columns}.union(NAMES)
        held = placement.columns
        if held is None:
            return placement
        if placement.name != PRIMARY and not any(held.issuperset(read - keys) for read in begun.scans[table]):
            return None
        useless = {
            each.plan.number
            for each in stored.derived_columns
            if not (
                each.plan.column in begun.read.get(each.plan.path[-1].table, ())
                or (each.plan.column == ROW_ID and begun.asks_for(each.plan, table))
            )
        }
        return placement if useless.isdisjoint(held) else replace(placement, columns=held - useless)

    def _following(self, statistics: DesignStatistics, placed: _Placed) -> frozenset[tuple[str, str, int]]:
        """The positions of parents' rows that layouts' rows follow: by which parents lie that no query need read."""
        return frozenset(
            (table, placement.name, each.plan.number)
            for table, placements in placed
            for each in self._tables[table].derived_columns
            if each.plan.column == ROW_ID
            for placement in placements
            if each.plan.number in (placement.columns or ())
            and statistics.follows(table, placement.name, each.plan.number)
        )


@dataclass(frozen=True)
class _Begun:
    """A query's plan before anything about layouts is asked, and the columns that its scans of each table read."""

    root: Node
    scans: Mapping[str, Sequence[frozenset[int]]]
    read: Mapping[str, frozenset[int]]

    @classmethod
    def of(cls, root: Node) -> _Begun:
        scans: defaultdict[str, list[frozenset[int]]] = defaultdict(list)
        for node in walk_nodes(root):
            if isinstance(node, Scan):
                scans[node.table].append(frozenset(node.columns))
        return cls(root, scans, {table: frozenset().union(*found) for table, found in scans.items()})

    def asks_for(self, position: Derived, table: str) -> bool:
        """Whether it may ask for a position of a parent's row: it reads the parent, or the key that leads there."""
        return position.path[-1].table in self.read or not self.read[table].isdisjoint(position.path[0].columns)


def _predicted(analysis: Analysis, statistics: DesignStatistics, before: _Modelled, now: _Modelled) -> Analysis:
    """The query with the bytes that it would move.

    before: over the layouts over which it was measured. Of a column that is new to it as much is taken to be read as of
    the parent's that it has the values of, and state to change as it is estimated to.
    """
    touched: dict[str, float] = {}
    for name, read in now.columns.items():
        source = name if name in before.columns else statistics.sources.get(name, name)
        known = before.columns.get(source, _ColumnRead())
        touched[name] = read.corrected(known, analysis.touched.get(source, 0))
    tables = {f"{table}." for table in statistics.models}
    touched |= {
        name: nbytes for name, nbytes in analysis.touched.items() if not any(name.startswith(start) for start in tables)
    }
    # less of it in proportion; more of it as much more, since the estimate of what there is may be far too low
    ratio = max((now.state + _SOME_STATE) / (before.state + _SOME_STATE), _LEAST_STATE)
    state = min(analysis.state * ratio, analysis.state + max(now.state - before.state, 0.0))
    rounded = {name: round(nbytes) for name, nbytes in touched.items()}
    moved = round(sum(touched.values()) + state)
    return replace(analysis, bytes=moved, touched=rounded, uses=now.uses, effort=now.effort)


def _sources(tables: Mapping[str, Table]) -> dict[str, str]:
    """For derived columns those of which as much is read, all by the names that the ledger has for them."""
    found = {}
    for table in tables.values():
        for number, each in enumerate(table.derived_columns, len(table.columns)):
            if each.plan.column == ROW_ID:
                source = f"{table.name}.{table.column_name(each.plan.path[0].columns[0])}"
            else:
                parent = tables[each.plan.path[-1].table]
                source = f"{parent.name}.{parent.column_name(each.plan.column)}"
            found[f"{table.name}.{table.column_name(number)}"] = source
    return found


@dataclass(frozen=True)
class _ColumnRead:
    """Bytes that a plan reads of a column: scans that no join sifts, others, and these if they were not sifted."""

    sure: float = 0.0
    sifted: float = 0.0
    whole: float = 0.0

    def and_by(self, use: TableUse, nbytes: float, share: float) -> _ColumnRead:
        """And what one more scan reads, of which joins leave a share."""
        if not use.sifted:
            return replace(self, sure=self.sure + nbytes)
        return replace(self, sifted=self.sifted + share * nbytes, whole=self.whole + nbytes)

    def corrected(self, before: _ColumnRead, measured: float) -> float:
        """The bytes, by what was measured where ``before`` was modelled.

        Scans that no join sifts read what their tests leave; what was measured beyond that others have read: at most
        all that they would if no join had sifted them. What joins were seen to leave out tells what they will.
        """
        if not before.sure + before.sifted:
            return self.sure + self.sifted
        left = max(measured - before.sure, 0.0)
        seen = min(max(left, before.sifted), before.whole)
        loose = (seen - before.sifted) / (before.whole - before.sifted) if before.whole > before.sifted else 0.0
        others = left / seen if seen else measured / before.sure
        sure = others if not before.sure else measured / before.sure
        sure = min(sure, 1.0) if before.sure and seen else sure
        return sure * self.sure + others * (self.sifted + loose * (self.whole - self.sifted))


@dataclass(frozen=True, eq=False)
class _Modelled:
    """A query's plan over a design. columns: by stored names. state: bytes. effort: see Analysis."""

    uses: tuple[TableUse, ...]
    columns: Mapping[str, _ColumnRead]
    state: float
    effort: float

    @classmethod
    def of(cls, root: Node, statistics: DesignStatistics) -> _Modelled:
        """The plan that the optimizer makes of one on which nothing about layouts was asked yet."""
        plan = optimize(root, statistics, passes=BY_LAYOUTS)
        uses, work = table_uses(plan), Effort(Estimator(statistics), statistics.threads)
        work.walk(plan)
        columns: defaultdict[str, _ColumnRead] = defaultdict(_ColumnRead)
        rows = read = 0.0
        for use in uses:
            if use.scan.table in statistics.models:
                model, share = statistics.models[use.scan.table], work.shares.get(id(use.scan), 1.0)
                cost = model.cost(use, statistics.placement(use.scan.table, use.scan.layout))
                rows += share * cost.share * model.table.row_count  # many are tested at once, for little each
                for name, nbytes in cost.columns.items():
                    columns[name] = columns[name].and_by(use, nbytes, share)
                    read += share * nbytes
        return cls(uses, columns, work.state, read + rows + work.total)
