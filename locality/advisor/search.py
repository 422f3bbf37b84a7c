"""The choice: layouts over which the workload moves the fewest bytes, within a budget, as far as they pay."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from locality.advisor.advice import Advice, Forecast, Proposal, Removal, RollupProposal, merged
from locality.advisor.analysis import Analysis
from locality.advisor.carrying import Carrying, Offer
from locality.advisor.maps import Maps, maps_of
from locality.advisor.replan import Planner
from locality.advisor.rollups import rollup_proposals
from locality.advisor.tablesearch import Move, Placements, TableSearch
from locality.advisor.whatif import Placement
from locality.advisor.workload import Skipped
from locality.advisor.worth import Worth
from locality.operators.physical import Execution
from locality.plan.nodes import PRIMARY
from locality.runtime.reorder import RowOrder
from locality.storage.snapshot import Snapshot

#: The share of its queries' work that another order of a table must save.
_LEAST_GAIN = 0.01
#: The share of all work below which a further layout that is there saves too little to be kept.
_LEAST_KEPT = 0.002
#: Queries of the workload after which building must have paid.
_MOST_QUERIES = 100_000
#: The share of their work that queries must save by a further layout: less may be an error of the prediction.
_LEAST_FURTHER = 0.2
#: Moves of a table that are best at a glance, for which queries are planned again.
_FINALISTS = 2
#: The share of its work that a query must save to be named as a reason.
_NAMED = 0.01
#: The least work that is done in a second: what takes longer begins and ends a query, which no layout changes.
_WORK_A_SECOND = 1e9
#: Bytes a second of files that are written where the store does not tell how long it took for what it has.
_WRITE_BYTES = 40e6


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
    search = _Search(snapshot, searches, analyses, room, execution.threads)
    search.run()
    stored: list[RollupProposal] = []
    if rollups:
        stored = rollup_proposals(search.analyses, snapshot, execution, search.room if room > 0 else math.inf)
    after = {place: nbytes for proposal in stored for place, nbytes in proposal.after.items()}
    forecasts = tuple(
        Forecast(a.query.place, a.query.sql, a.weight, a.bytes, after.get(a.query.place, later.bytes))
        for a, later in zip(analyses, search.analyses, strict=True)
    )
    removals = tuple(removal for each in searches.values() for removal in search.removals(each))
    maps = maps_of(searches, search.design, analyses, search.analyses)
    return Advice(
        _parents_first(snapshot, merged(search.proposals)),
        forecasts,
        tuple(skipped),
        removals,
        maps=maps,
        rollups=tuple(stored),
    )


def _parents_first(snapshot: Snapshot, proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """The proposals in the order in which they are carried out: children may carry positions of their parents' rows."""

    def height(table: str, below: frozenset[str] = frozenset()) -> int:
        parents = {key.table for key in snapshot.tables[table].foreign_keys} - below - {table}
        return max((1 + height(parent, below | {table}) for parent in parents), default=0)

    return tuple(sorted(proposals, key=lambda each: height(each.table)))


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


class _Search:
    """The steps taken so far: ``design``, and the queries as they are planned over it."""

    def __init__(
        self,
        snapshot: Snapshot,
        searches: Mapping[str, TableSearch],
        measured: Sequence[Analysis],
        room: float,
        threads: int,
    ) -> None:
        self.searches, self.room = searches, room
        self.design: dict[str, Placements] = {table: search.stored for table, search in searches.items()}
        self.proposals: list[Proposal] = []
        self._measured = measured
        models = {table: search.model for table, search in searches.items()}
        self._planner = Planner(snapshot, models, self.design, threads)
        self._stored = sum(file.size for entry in snapshot.entries.values() for file in entry.primary.files)
        self._today = self.analyses = self._planner.over(measured, self.design)

    def run(self) -> None:
        """Takes steps until none pays: orders and what primary layouts carry, then further layouts."""
        for table in self._by_work():
            self._place(table, orders=True)
        while any(self._place(table, orders=self.room <= 0) for table in self._by_work()):
            pass
        while self.room > 0 and self._add():
            pass

    def removals(self, search: TableSearch) -> list[Removal]:
        """Further layouts of a table that are there and save nothing worth their bytes."""
        table, found = search.table.name, []
        for layout in search.entry.layouts[1:]:
            others = tuple(placement for placement in self.design[table] if placement.name != layout.name)
            without = self._planner.over(self._measured, {**self.design, table: others})
            if -self._worth.of(without) < _LEAST_KEPT * self._worth.work:
                size = sum(file.size for file in layout.files)
                found.append(Removal(table, layout.name, size, "the workload gains nothing by it"))
        return found

    @property
    def _worth(self) -> Worth:
        return Worth(self._today, self.analyses, self._stored)

    def _by_work(self) -> list[str]:
        """The tables, those first whose queries take the most."""
        return sorted(self.searches, key=lambda table: -self._work_of(table))

    def _work_of(self, table: str) -> float:
        return sum(a.weight * a.effort for a in self.analyses if any(use.scan.table == table for use in a.uses))

    def _place(self, table: str, *, orders: bool) -> bool:
        """Has the primary layout of a table carry, and with ``orders`` lie, as saves most; whether anything does."""
        carrying = Carrying(self.searches, self._planner, self._measured, self._worth, self.design, self.room)
        for offer in carrying.offers(table, orders=orders):
            chosen = carrying.thinned(offer)
            is_enough = chosen.value > _LEAST_GAIN * self._work_of(table)
            if (is_enough or self._worth.pays(chosen.value, chosen.size)) and self._take(chosen):
                return True
        return False

    def _add(self) -> bool:
        """Adds the further layout that saves most for its size; whether one does."""
        moves = [
            move
            for table, search in self.searches.items()
            for move in sorted(search.additions(self.design[table]), key=lambda move: -move.value / move.size)[
                :_FINALISTS
            ]
            if move.size <= self.room and move.value > 0
        ]
        offers = []
        for move in moves:
            design = {**self.design, move.table: move.after}
            planned = self._planner.over(self._measured, design)
            offers.append(Offer((move,), planned, self._worth.of(planned), design))
        for offer in sorted(offers, key=lambda offer: -offer.value / offer.size):
            pairs = zip(self.analyses, offer.planned, strict=True)
            asked = sum(a.weight * a.effort for a, b in pairs if b.effort < a.effort)
            is_enough = offer.value > _LEAST_FURTHER * asked
            if is_enough and self._worth.pays(offer.value, offer.size) and self._take(offer):
                return True
        return False

    def _take(self, offer: Offer) -> bool:
        """Takes the steps of an offer if building pays, some day, for some query; whether it does."""
        seconds = sum(_seconds(self.searches[move.table], move) for move in offer.moves)
        pairs = list(zip(self.analyses, offer.planned, strict=True))
        each = zip(self._today, pairs, strict=True)
        quicker = sum(t.weight * (a.effort - b.effort) * _pace(t) for t, (a, b) in each)
        runs = seconds / quicker * sum(a.weight for a in self.analyses) if quicker > 0 else math.inf
        gainers = sorted((b.effort / a.effort, a.query.place) for a, b in pairs if b.effort < (1 - _NAMED) * a.effort)
        if runs > _MOST_QUERIES or not gainers:
            return False
        self.proposals += [
            self._proposal(move, pairs if move is offer.moves[0] else (), [place for _, place in gainers], runs)
            for move in offer.moves
        ]
        self.design = dict(offer.design)
        self.room -= offer.size
        self.analyses = list(offer.planned)
        for table, search in self.searches.items():
            search.rebase(self.analyses, self.design[table])
        return True

    def _proposal(
        self, move: Move, pairs: Sequence[tuple[Analysis, Analysis]], why: Sequence[str], break_even: float
    ) -> Proposal:
        search = self.searches[move.table]
        written = _bytes_written(search, move)
        order = move.changed.order or RowOrder(())
        return Proposal(
            table=move.table,
            layout=move.changed.name,
            order=order.names[0],
            curve=order.names[1],
            columns=_names(search, move.changed),
            carry=_carried(search, move.changed),
            why=tuple(why),
            bytes_saved=round(sum(a.weight * (a.bytes - b.bytes) for a, b in pairs)),
            bytes_stored=round(move.size),
            bytes_written=round(written),
            seconds=_seconds(search, move),
            break_even=break_even,
        )


def _pace(analysis: Analysis) -> float:
    """Seconds that a query as it is today takes for its work, for each byte of it."""
    return min(analysis.seconds / analysis.effort, 1 / _WORK_A_SECOND) if analysis.effort else 0.0


def _bytes_written(search: TableSearch, move: Move) -> float:
    """Bytes of the layout; of all layouts if it is the primary one, by whose rows the others know theirs."""
    if move.changed.name != PRIMARY:
        return move.size
    further = sum(search.size(placement) for placement in move.after[1:] if placement.order is not None)
    return sum(file.size for file in search.entry.files) + further + move.size


def _seconds(search: TableSearch, move: Move) -> float:
    """How long writing takes, at the speed at which the table's rows were last written."""
    layout = search.entry.primary
    size = sum(file.size for file in layout.files)
    return _bytes_written(search, move) / (size / layout.seconds if layout.seconds else _WRITE_BYTES)


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
