"""The choice: layouts over which the workload moves the fewest bytes, within a budget, as far as they pay."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from locality.advisor.advice import Advice, Forecast, Proposal, Removal, RollupProposal, merged
from locality.advisor.analysis import Analysis
from locality.advisor.carrying import carrying
from locality.advisor.maps import Maps, maps_of
from locality.advisor.replan import Design, DesignStatistics, replanned
from locality.advisor.rollups import rollup_proposals
from locality.advisor.tablesearch import Move, Placements, TableSearch
from locality.advisor.whatif import Placement
from locality.advisor.workload import Skipped
from locality.operators.physical import Execution
from locality.plan.nodes import PRIMARY
from locality.runtime.reorder import RowOrder
from locality.storage.snapshot import Snapshot

#: The share of the bytes read of a table that another order of it must save, and a further layout.
_LEAST_GAIN = 0.05
_LEAST_FURTHER = 0.02
#: The share of the bytes read of a table below which a further layout that is there saves too little to be kept.
_LEAST_KEPT = 0.005
#: Queries of the workload after which building must have paid.
_MOST_QUERIES = 100_000
#: Orders that are looked at together with a further layout each.
_PAIRED = 3
#: How many times the value of the best order such a pair must have.
_BETTER = 1.1
#: The share of its bytes that a query must save to be named as a reason.
_NAMED = 0.01
#: Bytes a second that writing a table again takes of its files: about a core's encoding and sorting.
_WRITE_BYTES = 60e6


def choose(
    analyses: Sequence[Analysis],
    skipped: Sequence[Skipped],
    snapshot: Snapshot,
    execution: Execution,
    room: float = 0.0,
    *,
    rollups: bool = False,
) -> Advice:
    """What pays, step by step: the bytes of a query are a sum over tables.

    room: bytes that further layouts, carried columns and rollups may take. rollups: whether these are thought of.
    """
    touched = dict.fromkeys(use.scan.table for analysis in analyses for use in analysis.uses)
    searches = {
        table: TableSearch(snapshot, table, analyses, execution) for table in touched if _is_worthwhile(snapshot, table)
    }
    search = _Search(snapshot, searches, list(analyses), room)
    search.run()
    predicted = [round(max(search.predicted(analysis), 0.0)) for analysis in search.analyses]
    stored: list[RollupProposal] = []
    if rollups:
        left = [replace(later, bytes=nbytes) for later, nbytes in zip(search.analyses, predicted, strict=True)]
        stored = rollup_proposals(left, snapshot, execution, search.room if room > 0 else math.inf)
    after = {place: nbytes for proposal in stored for place, nbytes in proposal.after.items()}
    forecasts = tuple(
        Forecast(a.query.place, a.query.sql, a.weight, a.bytes, after.get(a.query.place, nbytes))
        for a, nbytes in zip(analyses, predicted, strict=True)
    )
    removals = tuple(removal for each in searches.values() for removal in _removals(each, search.design))
    maps = maps_of(searches, search.design, analyses, search.analyses)
    return Advice(
        tuple(merged(search.proposals)), forecasts, tuple(skipped), removals, maps=maps, rollups=tuple(stored)
    )


def mapped(analyses: Sequence[Analysis], snapshot: Snapshot, execution: Execution) -> Maps:
    """What the queries read of all tables as they are."""
    searches = {table: TableSearch(snapshot, table, analyses, execution) for table in snapshot.tables}
    design = {table: search.stored for table, search in searches.items()}
    return maps_of(searches, design, analyses, analyses)


def _is_worthwhile(snapshot: Snapshot, table: str) -> bool:
    """Whether the table has more than one zone, and is no rollup."""
    if table not in snapshot.tables:
        return False
    stored = snapshot.tables[table]
    return len(stored.segments) > 0 and stored.row_count > stored.segments[0].zone_rows


@dataclass(frozen=True)
class _Gain:
    """Bytes that a query saves by a step, of how many that it would move else."""

    bytes: float
    held: float
    analysis: Analysis

    @property
    def seconds(self) -> float:
        """Of a run of the workload."""
        a = self.analysis
        return a.weight * a.seconds * self.bytes / a.bytes if a.bytes else 0.0


class _Search:
    """The steps taken so far: ``design``, and the queries as they are planned over it."""

    def __init__(
        self, snapshot: Snapshot, searches: Mapping[str, TableSearch], analyses: list[Analysis], room: float
    ) -> None:
        self.snapshot, self.searches, self.analyses, self.room = snapshot, searches, analyses, room
        self.design = {table: search.stored for table, search in searches.items()}
        self.proposals: list[Proposal] = []
        self._weight = sum(a.weight for a in analyses)

    def run(self) -> None:
        """Takes steps until none pays: orders, then what layouts carry, then further layouts."""
        while self._take(self._reorder(paired=False)):
            pass
        if self.room > 0:
            self._rebase(self._replanned(self.design))
            for table in sorted(self.searches, key=lambda table: -self.searches[table].bytes_read):
                while self._carry(table):
                    pass
            while self._take(self._reorder(paired=True)) or self._take(self._addition()):
                pass

    def predicted(self, analysis: Analysis) -> float:
        """Bytes of a query over the design."""
        tables = {use.scan.table for use in analysis.uses} & self.searches.keys()
        return analysis.bytes + sum(self.searches[t].change(analysis, self.design[t]) for t in tables)

    def _take(self, moves: Sequence[tuple[Move, Proposal]]) -> bool:
        for move, proposal in moves:
            self.design[move.table] = move.after
            self.room -= move.size
            self.proposals.append(proposal)
        return bool(moves)

    def _reorder(self, *, paired: bool) -> list[tuple[Move, Proposal]]:
        """Another order of a table; ``paired``: or one together with a further layout for those who lose by it."""
        found: list[tuple[float, list[Move]]] = []
        for table, search in self.searches.items():
            least = _LEAST_GAIN * search.bytes_read
            moves = search.reorders(self.design[table])
            found += [(move.value, [move]) for move in moves[:1] if move.value > least]
            if paired:
                found += [
                    (both[0].value + both[1].value, both)
                    for move in moves[:_PAIRED]
                    for both in search.kept_pairs(move, self.room)
                    if both[0].value + both[1].value > max(least, _BETTER * moves[0].value)
                ]
        for _, moves in sorted(found, key=lambda each: -each[0]):
            if steps := self._paying([(move, self._gains(move)) for move in moves]):
                return steps
        return []

    def _addition(self) -> list[tuple[Move, Proposal]]:
        """The further layout that saves most for its size."""
        moves = [
            move
            for table, search in self.searches.items()
            if self.room > 0
            for move in search.additions(self.design[table])
            if move.size <= self.room and move.value > _LEAST_FURTHER * search.bytes_read
        ]
        for move in sorted(moves, key=lambda each: -each.value / each.size):
            if steps := self._paying([(move, self._gains(move))]):
                return steps
        return []

    def _carry(self, table: str) -> bool:
        """Has the primary layout of a table carry what saves most, in its order or another one; whether it does."""
        search = self.searches[table]
        for offer in carrying(search, self.design, self.analyses, self._replanned, self.room):
            if offer.value <= _LEAST_FURTHER * search.bytes_read:
                continue
            before, gains = self.analyses, []
            for move, after in offer.steps:
                pairs = zip(before, after, strict=True)
                gains.append((move, [_Gain(a.bytes - b.bytes, a.bytes, a) for a, b in pairs]))
                before = after
            if self._take(self._paying(gains)):
                self._rebase(before)
                return True
        return False

    def _replanned(self, design: Design) -> list[Analysis]:
        """The queries as they would be planned over a design, with the bytes that they would move."""
        tables = {**self.snapshot.scanned, **{table: search.table for table, search in self.searches.items()}}
        models = {table: search.model for table, search in self.searches.items()}
        base = {table: search.base for table, search in self.searches.items()}
        statistics = DesignStatistics(tables, models, design)
        return [replanned(analysis, statistics, base) for analysis in self.analyses]

    def _rebase(self, analyses: list[Analysis]) -> None:
        """Goes on from the design, over which the queries are planned now."""
        self.analyses = analyses
        for table, search in self.searches.items():
            search.rebase(analyses, self.design[table])

    def _gains(self, move: Move) -> list[_Gain]:
        search = self.searches[move.table]
        changes = [(a, search.change(a, move.before), search.change(a, move.after)) for a in search.analyses]
        return [_Gain(before - after, a.bytes + before, a) for a, before, after in changes]

    def _paying(self, steps: Sequence[tuple[Move, list[_Gain]]]) -> list[tuple[Move, Proposal]]:
        """Steps that are taken together as proposals; none if no query gains by the first, or too little by all."""
        seconds = sum(_bytes_written(self.searches[move.table], move) / _WRITE_BYTES for move, _ in steps)
        quicker = sum(each.seconds for _, gains in steps for each in gains)
        runs = seconds / quicker * self._weight if quicker > 0 else math.inf
        proposals = [(move, self._proposal(move, gains, runs)) for move, gains in steps]
        return proposals if runs <= _MOST_QUERIES and proposals[0][1].why else []

    def _proposal(self, move: Move, gains: Sequence[_Gain], break_even: float) -> Proposal:
        search = self.searches[move.table]
        ordered = sorted(gains, key=lambda each: -each.bytes)
        written = _bytes_written(search, move)
        order = move.changed.order or RowOrder(())
        return Proposal(
            table=move.table,
            layout=move.changed.name,
            order=order.names[0],
            curve=order.names[1],
            columns=_names(search, move.changed),
            carry=_carried(search, move.changed),
            why=tuple(each.analysis.query.place for each in ordered if each.bytes > _NAMED * each.held),
            bytes_saved=round(sum(each.analysis.weight * each.bytes for each in ordered)),
            bytes_stored=round(move.size),
            bytes_written=round(written),
            seconds=written / _WRITE_BYTES,
            break_even=break_even,
        )


def _bytes_written(search: TableSearch, move: Move) -> float:
    """Bytes of the layout; of all layouts if it is the primary one, by whose rows the others know theirs."""
    if move.changed.name != PRIMARY:
        return move.size
    further = sum(search.size(placement) for placement in move.after[1:] if placement.order is not None)
    return sum(file.size for file in search.entry.files) + further + move.size


def _names(search: TableSearch, placement: Placement) -> tuple[str, ...] | None:
    """The columns of a further layout; None for the primary one, which has all."""
    if placement.name == PRIMARY or placement.columns is None:
        return None
    own = sorted(column for column in placement.columns if column < len(search.table.columns))
    return tuple(search.table.column_name(column) for column in own)


def _carried(search: TableSearch, placement: Placement) -> tuple[str, ...] | None:
    """The columns of parents that it carries; None if it carries none, as it is."""
    carried = sorted(column for column in placement.columns or () if column >= len(search.table.columns))
    return tuple(search.table.column_name(column) for column in carried) or None


def _removals(search: TableSearch, design: Mapping[str, Placements]) -> list[Removal]:
    """Further layouts that are there and save nothing worth their bytes."""
    placements = design[search.table.name]
    now, found = search.value(placements), []
    for layout in search.entry.layouts[1:]:
        others = tuple(placement for placement in placements if placement.name != layout.name)
        if now - search.value(others) < _LEAST_KEPT * search.bytes_read:
            size = sum(file.size for file in layout.files)
            found.append(Removal(search.table.name, layout.name, size, "the workload gains nothing by it"))
    return found
