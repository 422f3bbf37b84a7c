"""Rollups that would answer queries of the workload: by what its aggregations of a table group and filter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from locality.advisor.advice import RollupProposal
from locality.advisor.analysis import Analysis
from locality.advisor.sample import Sample
from locality.encodings import decode
from locality.errors import Unsupported
from locality.operators.physical import Execution
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant, Expression, walk
from locality.plan.nodes import Aggregate, walk_nodes
from locality.plan.rollups import Grouping, grouping_of, kept
from locality.runtime.paths import OrderColumn
from locality.sql.quoting import identifier, string
from locality.storage.snapshot import Snapshot
from locality.storage.table import Table

#: The share of a table's rows up to which groups are worth storing.
_MOST_GROUPS = 0.1
#: How many times its own rows a query may have to read of a rollup that serves others, too.
_MOST_WIDER = 4
#: Bytes of a value of a rollup, about, and those of a table's files that are aggregated in a second.
_VALUE, _READ_BYTES = 8, 200e6
#: The fewest bytes that a query moves in a second: what takes longer begins and ends it.
_LEAST_BYTES = 200e6
#: Queries of the workload after which making it must have paid.
_MOST_QUERIES = 100_000
#: The share of its bytes that a query may move still.
_LEAST = 0.5


@dataclass(frozen=True)
class _Asked:
    """A query that a rollup with these groups and aggregates answers."""

    analysis: Analysis
    groups: frozenset[Expression]
    calls: frozenset[AggregateCall]


@dataclass(frozen=True)
class _Wanted:
    """A rollup of about so many rows, and the queries that it answers."""

    groups: frozenset[Expression]
    calls: frozenset[AggregateCall]
    rows: float
    queries: tuple[_Asked, ...]


def rollup_proposals(
    analyses: Sequence[Analysis], snapshot: Snapshot, execution: Execution, room: float
) -> list[RollupProposal]:
    """What pays, those that save most first; room: bytes that they may take in all."""
    asked: dict[str, list[_Asked]] = {}
    for analysis in analyses:
        if (found := _asked(analysis)) is not None:
            asked.setdefault(found[0], []).append(found[1])
    weight = sum(analysis.weight for analysis in analyses)
    proposals: list[RollupProposal] = []
    for name, queries in asked.items():
        table = snapshot.tables[name]
        for wanted in _wanted(table, Sample(snapshot, table, execution), queries):
            taken = {each.name for each in proposals}
            proposal = _proposal(snapshot, table, wanted, weight, taken)
            if proposal is not None and proposal.bytes_stored <= room:
                room -= proposal.bytes_stored
                proposals.append(proposal)
    return sorted(proposals, key=lambda each: -each.bytes_saved)


def _asked(analysis: Analysis) -> tuple[str, _Asked] | None:
    """The table that a query aggregates, if it reads that alone, and what a rollup would have to hold for it."""
    if len(analysis.uses) != 1:
        return None
    for node in walk_nodes(analysis.root):
        grouping = grouping_of(node) if isinstance(node, Aggregate) else None
        if grouping is not None and grouping.aggregates and analysis.uses[0].scan.table == grouping.table:
            filters = [call.filter for call in grouping.aggregates if call.filter is not None]
            groups = _group_keys((*grouping.groups, *grouping.terms, *filters))
            calls = tuple(replace(call, filter=None) for call in grouping.aggregates)
            if not all(isinstance(argument, ColumnRef) for call in calls for argument in call.args):
                return None
            try:
                held = kept(Grouping(grouping.table, (), tuple(groups), calls))
            except Unsupported:
                return None
            return grouping.table, _Asked(analysis, frozenset(groups), frozenset(held.aggregates))
    return None


def _group_keys(expressions: Sequence[Expression]) -> list[Expression]:
    """What expressions are told from: periods of moments where these are grouped by, and columns."""
    periods: dict[int, Expression] = {}
    for part in _parts(expressions):
        match part:
            case Call("date_trunc", (Constant(), ColumnRef(index))):
                periods[index] = part
    columns = {part.index: part for part in _parts(expressions) if isinstance(part, ColumnRef)}
    return [periods.get(index, column) for index, column in columns.items()]


def _parts(expressions: Sequence[Expression]) -> Iterator[Expression]:
    return (part for expression in expressions for part in walk(expression))


def _wanted(table: Table, sample: Sample, queries: Sequence[_Asked]) -> list[_Wanted]:
    """Rollups for the queries: one serves several where that makes it few times as large as one of its own would be."""
    found: list[_Wanted] = []
    for asked in sorted(queries, key=lambda each: -each.analysis.weight * each.analysis.bytes):
        own = _Wanted(asked.groups, asked.calls, _group_count(table, sample, asked.groups), (asked,))
        if own.rows > _MOST_GROUPS * table.row_count or _bytes(own.rows, asked) > _LEAST * asked.analysis.bytes:
            continue
        for place, other in enumerate(found):
            rows = _group_count(table, sample, own.groups | other.groups)
            if rows <= _MOST_WIDER * min(own.rows, other.rows):
                both = (*other.queries, asked)
                found[place] = _Wanted(own.groups | other.groups, own.calls | other.calls, rows, both)
                break
        else:
            found.append(own)
    return found


def _proposal(
    snapshot: Snapshot, table: Table, wanted: _Wanted, weight: float, taken: Collection[str]
) -> RollupProposal | None:
    groups, calls, rows, chosen = wanted.groups, wanted.calls, wanted.rows, wanted.queries
    saved = {each.analysis: each.analysis.bytes - _bytes(rows, each) for each in chosen}
    gaining = [analysis for analysis, nbytes in saved.items() if nbytes > 0]
    quicker = sum(a.weight * saved[a] * min(a.seconds / a.bytes, 1 / _LEAST_BYTES) for a in gaining)
    if quicker <= 0:
        return None
    read = sum(file.size for file in snapshot.entries[table.name].primary.files)
    seconds = read / _READ_BYTES
    if (break_even := seconds / quicker * weight) > _MOST_QUERIES:
        return None
    ordered = sorted(groups, key=lambda e: next(p.index for p in walk(e) if isinstance(p, ColumnRef)))
    texts = [_text(group, table) for group in ordered]
    aggregates = sorted({_call_text(call, table) for call in calls})
    stored = rows * _VALUE * (len(groups) + len(calls))
    return RollupProposal(
        name=_free_name(snapshot, table, taken),
        table=table.name,
        sql=f"select {', '.join([*texts, *aggregates])} from {identifier(table.name)}"
        + (f" group by {', '.join(texts)}" if texts else ""),
        why=tuple(a.query.place for a in sorted(gaining, key=lambda a: -saved[a])),
        rows=round(rows),
        bytes_saved=round(sum(a.weight * saved[a] for a in gaining)),
        bytes_stored=round(stored),
        seconds=seconds,
        break_even=break_even,
        after={a.query.place: round(a.bytes - saved[a]) for a in gaining},
    )


def _bytes(rows: float, asked: _Asked) -> float:
    """Bytes that a query reads of a rollup."""
    return rows * _VALUE * (len(asked.groups) + len(asked.calls))


def _group_count(table: Table, sample: Sample, groups: frozenset[Expression]) -> float:
    """Groups of a table's rows, about: those of a sample, and at most as many as their values allow."""
    import pyarrow.compute as pc

    most = 1.0
    codes = np.zeros(sample.rows, dtype=np.int64)
    for group in groups:
        (column,) = (part for part in walk(group) if isinstance(part, ColumnRef))
        name = table.column_name(column.index)
        values = decode(sample.column(OrderColumn(name, (), name)))
        if isinstance(group, Call) and isinstance(period := group.args[0], Constant):
            values = pc.floor_temporal(values, unit=str(period.value))
        known = values.dictionary_encode()
        most *= len(known.dictionary) if isinstance(group, Call) else table.distinct_count(column.index).count + 1
        numbers = known.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
        codes = np.unique(codes * (len(known.dictionary) + 1) + numbers, return_inverse=True)[1]
    found = int(codes.max()) + 1 if sample.rows else 0
    # where most of a sample's rows are alone in their group, those of the table may well be, too
    scale = table.row_count / max(sample.rows, 1) if found > sample.rows / 2 else 1.0
    return min(most, found * scale)


def _text(group: Expression, table: Table) -> str:
    match group:
        case Call("date_trunc", (Constant(period), ColumnRef(index))):
            return f"date_trunc({string(str(period))}, {identifier(table.column_name(index))})"
        case _:
            assert isinstance(group, ColumnRef)
            return identifier(table.column_name(group.index))


def _call_text(call: AggregateCall, table: Table) -> str:
    if not call.args:
        return "count(*)"
    return f"{call.name}({', '.join(_text(argument, table) for argument in call.args)})"


def _free_name(snapshot: Snapshot, table: Table, others: Collection[str]) -> str:
    taken = {*others, *(each.rollup.name for other in snapshot.tables.values() for each in other.rollups)}
    base = f"{table.name}_groups"
    names = (base if number == 1 else f"{base}_{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
