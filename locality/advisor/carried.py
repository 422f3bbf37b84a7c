"""Columns of parents that a table's layouts might carry: those that the workload joins for."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from locality.advisor.analysis import Analysis
from locality.errors import LocalityError
from locality.plan.expressions import columns_of
from locality.runtime.paths import derived_entry
from locality.storage.derived import derived_columns
from locality.storage.entries import DerivedEntry, LayoutEntry
from locality.storage.layout import Layout, derived_places
from locality.storage.snapshot import Snapshot
from locality.storage.table import Table

#: Columns of parents that are thought of for a table, and keys that a way to one has.
_MOST_COLUMNS = 12
_MOST_KEYS = 4
#: How much more a column counts that queries filter by than one that they only read.
_FILTERED = 4.0
#: The name of the layout that has all of them.
WHAT_IF = "\0what if"


def with_carried(snapshot: Snapshot, table: str, analyses: Sequence[Analysis]) -> Table:
    """The table as if it had one more layout, the last, without segments, with what queries join its rows for."""
    stored = snapshot.tables[table]
    entries = [_entry(snapshot, stored, name) for name in _names(snapshot, table, analyses)]
    found = [each for each in entries if each is not None]
    if not found:
        return stored
    held = snapshot.entries[table]
    layout = LayoutEntry(WHAT_IF, derived=tuple(found))
    table_like = copy.copy(stored)
    table_like.derived_columns = derived_columns(replace(held, layouts=(*held.layouts, layout)), snapshot.entries)
    places = derived_places(table_like.derived_columns, WHAT_IF)
    table_like.layouts = (*stored.layouts, Layout((), (), WHAT_IF, places))
    return table_like


def _entry(snapshot: Snapshot, table: Table, name: str) -> DerivedEntry | None:
    """The column as if it were carried, with the statistics of the parent's; None if it can't be."""
    try:
        entry = derived_entry(snapshot, table, name)
    except LocalityError:
        return None
    holder = snapshot.tables[entry.path[-1].table]
    position = holder.column_names.index(entry.column or "")
    statistics = holder.statistics(position)
    nullable = statistics.null_count > 0 or _may_miss(snapshot, table, entry)
    statistics = replace(statistics, rows=table.row_count, null_count=int(nullable), sorted=None)
    return replace(entry, statistics=statistics, built=snapshot.version)


def _may_miss(snapshot: Snapshot, table: Table, entry: DerivedEntry) -> bool:
    """Whether a key on the way may be NULL."""
    holder = table
    for key in entry.path:
        if any(holder.columns[holder.column_names.index(name)].nullable for name in key.columns):
            return True
        holder = snapshot.tables[key.table]
    return False


def _names(snapshot: Snapshot, table: str, analyses: Sequence[Analysis]) -> list[str]:
    """What queries over the table read of its parents, by the bytes that these queries move."""
    ways = list(_ways(snapshot, table))
    weights: defaultdict[str, float] = defaultdict(float)
    for analysis in analyses:
        tables = {use.scan.table for use in analysis.uses}
        if table not in tables:
            continue
        for names, parent in ways:
            if tables.issuperset(names):
                for column, factor in _read(snapshot, parent, analysis).items():
                    weights[".".join([*names, column])] += factor * analysis.weight * analysis.bytes
    return sorted(weights, key=lambda name: -weights[name])[:_MOST_COLUMNS]


def _ways(
    snapshot: Snapshot, table: str, way: tuple[str, ...] = (), seen: frozenset[str] = frozenset()
) -> Iterator[tuple[tuple[str, ...], str]]:
    """The tables on each way along foreign keys, and the last of them."""
    for key in snapshot.tables[table].foreign_keys:
        if key.table not in seen | {table} and len(way) < _MOST_KEYS:
            yield (*way, key.table), key.table
            yield from _ways(snapshot, key.table, (*way, key.table), seen | {table})


def _read(snapshot: Snapshot, parent: str, analysis: Analysis) -> dict[str, float]:
    """What a query reads of a parent but its keys and raw strings, and how much each counts."""
    stored = snapshot.tables[parent]
    keys = {*stored.primary_key, *(name for key in stored.foreign_keys for name in key.columns)}
    found: dict[str, float] = {}
    for use in analysis.uses:
        if use.scan.table != parent:
            continue
        tested = {index for conjunct in use.conjuncts for index in columns_of(conjunct)}
        for index in use.scanned | use.gathered | tested:
            position = use.scan.columns[index]
            if position < len(stored.columns) and not stored.raw_bytes(position):
                name = stored.column_name(position)
                if name not in keys:
                    found[name] = max(found.get(name, 0.0), _FILTERED if index in tested else 1.0)
    return found
