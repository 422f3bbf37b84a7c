"""The choice: layouts over which the workload moves the fewest bytes, within a budget, as far as they pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locality.advisor.advice import Advice, Forecast, Proposal, Removal
from locality.advisor.analysis import Analysis
from locality.advisor.maps import Maps, maps_of
from locality.advisor.tablesearch import Move, Placements, TableSearch
from locality.advisor.whatif import Placement
from locality.advisor.workload import Skipped
from locality.operators.physical import Execution
from locality.plan.nodes import PRIMARY
from locality.storage.snapshot import Snapshot

#: The share of the bytes read of a table that another order of it must save, and a further layout.
_LEAST_GAIN = 0.05
_LEAST_FURTHER = 0.02
#: The share of the bytes read of a table below which a further layout that is there saves too little to be kept.
_LEAST_KEPT = 0.005
#: Queries of the workload after which building must have paid.
_MOST_QUERIES = 100_000
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
) -> Advice:
    """What pays, step by step: the bytes of a query are a sum over tables.

    room: bytes that further layouts may take.
    """
    touched = dict.fromkeys(use.scan.table for analysis in analyses for use in analysis.uses)
    searches = {
        table: TableSearch(snapshot, table, analyses, execution) for table in touched if _is_worthwhile(snapshot, table)
    }
    design = {table: search.stored for table, search in searches.items()}
    proposals = []
    left = room
    while (found := _best(searches, design, analyses, left)) is not None:
        move, proposal = found
        design[move.table] = move.after
        left -= move.size
        proposals.append(proposal)
    forecasts = tuple(
        Forecast(a.query.place, a.query.sql, a.weight, a.bytes, round(max(a.bytes + _change(searches, design, a), 0.0)))
        for a in analyses
    )
    removals = tuple(removal for search in searches.values() for removal in _removals(search, design))
    maps = maps_of(searches, design, sum(a.weight for a in analyses))
    return Advice(tuple(proposals), forecasts, tuple(skipped), removals, maps=maps)


def mapped(analyses: Sequence[Analysis], snapshot: Snapshot, execution: Execution) -> Maps:
    """What the queries read of all tables as they are."""
    searches = {table: TableSearch(snapshot, table, analyses, execution) for table in snapshot.tables}
    design = {table: search.stored for table, search in searches.items()}
    return maps_of(searches, design, sum(a.weight for a in analyses))


def _is_worthwhile(snapshot: Snapshot, table: str) -> bool:
    """Whether the table has more than one zone."""
    stored = snapshot.tables[table]
    return len(stored.segments) > 0 and stored.row_count > stored.segments[0].zone_rows


def _change(searches: Mapping[str, TableSearch], design: Mapping[str, Placements], analysis: Analysis) -> float:
    tables = {use.scan.table for use in analysis.uses} & searches.keys()
    return sum(searches[table].change(analysis, design[table]) for table in tables)


def _best(
    searches: Mapping[str, TableSearch], design: Mapping[str, Placements], analyses: Sequence[Analysis], room: float
) -> tuple[Move, Proposal] | None:
    """The next step: another order of a table, which takes no room; else the layout that saves most for its size."""
    reorders = [
        move
        for table, search in searches.items()
        for move in search.reorders(design[table])
        if move.value > _LEAST_GAIN * search.bytes_read
    ]
    for move in sorted(reorders, key=lambda each: -each.value):
        if (proposal := _paying(searches[move.table], move, analyses)) is not None:
            return move, proposal
    additions = [
        move
        for table, search in searches.items()
        if room > 0
        for move in search.additions(design[table])
        if move.size <= room and move.value > _LEAST_FURTHER * search.bytes_read
    ]
    for move in sorted(additions, key=lambda each: -each.value / each.size):
        if (proposal := _paying(searches[move.table], move, analyses)) is not None:
            return move, proposal
    return None


def _paying(search: TableSearch, move: Move, analyses: Sequence[Analysis]) -> Proposal | None:
    """The step as a proposal; None if no query gains by it, or too little."""
    before = [a.bytes + search.change(a, move.before) for a in search.analyses]
    gains = [search.change(a, move.before) - search.change(a, move.after) for a in search.analyses]
    ordered = sorted(zip(gains, before, search.analyses, strict=True), key=lambda each: -each[0])
    why = tuple(a.query.place for gain, held, a in ordered if gain > _NAMED * held)
    quicker = sum(a.weight * a.seconds * gain / a.bytes for gain, _, a in ordered if a.bytes)
    if not why or quicker <= 0:
        return None
    written = _bytes_written(search, move)
    seconds = written / _WRITE_BYTES
    runs = seconds / quicker * sum(a.weight for a in analyses)
    order = move.changed.order
    if runs > _MOST_QUERIES or order is None:
        return None
    return Proposal(
        table=move.table,
        layout=move.changed.name,
        order=order.names[0],
        curve=order.names[1],
        columns=_names(search, move.changed),
        why=why,
        bytes_saved=round(sum(a.weight * gain for gain, _, a in ordered)),
        bytes_stored=round(move.size),
        bytes_written=round(written),
        seconds=seconds,
        break_even=runs,
    )


def _bytes_written(search: TableSearch, move: Move) -> float:
    """Bytes of the layout; of all layouts if it is the primary one, by whose rows the others know theirs."""
    if move.changed.name != PRIMARY:
        return move.size
    return float(sum(file.size for file in search.entry.files)) + sum(
        search.size(placement) for placement in move.after[1:] if placement.order is not None
    )


def _names(search: TableSearch, placement: Placement) -> tuple[str, ...] | None:
    """The columns of a further layout; None for the primary one, which has all."""
    if placement.name == PRIMARY or placement.columns is None:
        return None
    return tuple(search.table.column_name(column) for column in sorted(placement.columns))


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
