"""Columns of parents that a table's layouts might carry: those that the workload joins for."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from locality.advisor.analysis import Analysis
from locality.errors import LocalityError
from locality.plan.expressions import columns_of
from locality.plan.virtual import NAMES, ROW_ID
from locality.runtime.paths import derived_entry
from locality.storage.derived import derived_columns
from locality.storage.entries import DerivedEntry, LayoutEntry
from locality.storage.layout import Layout, derived_places
from locality.storage.snapshot import Snapshot
from locality.storage.table import Table

#: Columns of parents that are thought of for a table, and keys that a way to one has.
_MOST_COLUMNS = 32
_MOST_KEYS = 4
#: Rows of a parent from which on groups by it had better be told by its position.
_MANY_ROWS = 65536
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
    statistics = holder.statistics(ROW_ID if entry.column is None else holder.column_names.index(entry.column))
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
    """What queries over the table read of its parents, by the bytes that these queries move, and parents' positions."""
    ways = list(_ways(snapshot, table))
    weights: defaultdict[str, float] = defaultdict(float)
    for analysis in analyses:
        tables = {use.scan.table for use in analysis.uses}
        if table not in tables:
            continue
        for way in ways:
            if tables.issuperset(way.tables):
                for column, factor in _read(snapshot, way, analysis).items():
                    weights[f"{way.name}.{column}"] += factor * analysis.weight * analysis.bytes
        for way in ways:
            if len(way.tables) == 1 and len(way.key) == 1 and snapshot.tables[way.parent].row_count > _MANY_ROWS:
                weights[f"{way.name}.{NAMES[ROW_ID]}"] += analysis.weight * analysis.bytes
    return sorted(weights, key=lambda name: -weights[name])[:_MOST_COLUMNS]


@dataclass(frozen=True)
class _Way:
    """Foreign keys from a table to a parent. name: as people write it. key: the columns of the last step.

    known: for columns of the parent, those of the table itself that they equal.
    """

    name: str
    tables: tuple[str, ...]
    key: tuple[str, ...]
    known: Mapping[str, str]

    @property
    def parent(self) -> str:
        return self.tables[-1]


def _ways(snapshot: Snapshot, table: str, way: _Way | None = None) -> Iterator[_Way]:
    """The ways along foreign keys, without those to a parent that a key of the table's own leads to."""
    holder = snapshot.tables[table if way is None else way.parent]
    own = {(key.columns, key.table) for key in snapshot.tables[table].foreign_keys}
    for key in holder.foreign_keys:
        if key.table == table or (way is not None and (key.table in way.tables or len(way.tables) >= _MOST_KEYS)):
            continue
        told = key.columns if way is None else tuple(way.known.get(column, "") for column in key.columns)
        if way is not None and (told, key.table) in own:
            continue
        is_alone = sum(other.table == key.table for other in holder.foreign_keys) == 1
        step = key.table if is_alone else key.columns[0]
        known = dict(zip(key.parents, told, strict=True))
        found = (
            _Way(step, (key.table,), key.columns, known)
            if way is None
            else _Way(f"{way.name}.{step}", (*way.tables, key.table), key.columns, known)
        )
        yield found
        yield from _ways(snapshot, table, found)


def _read(snapshot: Snapshot, way: _Way, analysis: Analysis) -> dict[str, float]:
    """What a query reads of a parent but the key and raw strings, and how much each counts."""
    stored = snapshot.tables[way.parent]
    found: dict[str, float] = {}
    for use in analysis.uses:
        if use.scan.table != way.parent:
            continue
        tested = {index for conjunct in use.conjuncts for index in columns_of(conjunct)}
        for index in use.scanned | use.gathered | tested:
            position = use.scan.columns[index]
            if position < len(stored.columns) and not stored.raw_bytes(position):
                name = stored.column_name(position)
                if name not in way.known:
                    found[name] = max(found.get(name, 0.0), _FILTERED if index in tested else 1.0)
    return found
