"""Candidates: orders and curves that a table's rows might lie in, from what the workload filters and groups by."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence

from locality.advisor.analysis import Analysis
from locality.advisor.uses import TableUse
from locality.errors import SchemaError
from locality.plan.expressions import columns_of
from locality.runtime.paths import OrderColumn
from locality.runtime.reorder import RowOrder, resolve_order
from locality.storage.snapshot import Snapshot
from locality.storage.zones import ZONE_ROWS

#: Columns of a table that orders are made of: those in the filters of most bytes.
_MOST_COLUMNS = 5


def candidate_orders(snapshot: Snapshot, table: str, analyses: Sequence[Analysis]) -> list[RowOrder]:
    """Orders by one column, by each of them within another, and curves through them; those that filters ask for.

    A filter on a parent's column counts as well where a foreign key of one column leads there: dates of a child follow
    those of its parent.
    """
    weights: defaultdict[str, float] = defaultdict(float)
    for analysis in analyses:
        own = [use for use in analysis.uses if use.scan.table == table]
        if own:
            for name in {*_filtered(snapshot, own), *_parents(snapshot, table, analysis.uses)}:
                weights[name] += analysis.weight * analysis.bytes
    names = sorted(weights, key=lambda name: -weights[name])[:_MOST_COLUMNS]
    orders: list[tuple[Sequence[str], Sequence[str]]] = [((name,), ()) for name in names]
    orders += [(pair, ()) for pair in itertools.permutations(names, 2)]
    own_names = [name for name in names if "." not in name]
    orders += [((), chosen) for count in (2, 3) for chosen in itertools.combinations(own_names, count)]
    found = (_resolved(snapshot, table, order, curve) for order, curve in orders)
    zones = snapshot.tables[table].row_count / ZONE_ROWS
    # among as many values of the first column as zones, a second one divides none further
    return [o for o in found if o is not None and (len(o.columns) < 2 or _distinct(snapshot, o, table) < zones)]


def _distinct(snapshot: Snapshot, order: RowOrder, table: str) -> int:
    """Different values of the first column of an order."""
    first: OrderColumn = order.columns[0]
    holder = snapshot.tables[first.path[-1].table if first.path else table]
    return holder.distinct_count(holder.column_names.index(first.column)).count


def _resolved(snapshot: Snapshot, table: str, order: Sequence[str], curve: Sequence[str]) -> RowOrder | None:
    try:
        return resolve_order(snapshot, table, order, curve)
    except SchemaError:  # of a type without an order, or reached by more than one foreign key
        return None


def _filtered(snapshot: Snapshot, uses: Sequence[TableUse]) -> set[str]:
    names = set()
    for use in uses:
        table = snapshot.tables[use.scan.table]
        for conjunct in use.conjuncts:
            read = columns_of(conjunct)
            if len(read) == 1:
                position = use.scan.columns[next(iter(read))]
                if not table.raw_bytes(position):  # few tests of raw text exclude zones, and sorting it takes long
                    names.add(table.column_name(position))
    return names


def _parents(snapshot: Snapshot, table: str, uses: Sequence[TableUse]) -> set[str]:
    """Filtered columns of the tables that this one's foreign keys name."""
    named: Mapping[str, None] = dict.fromkeys(key.table for key in snapshot.tables[table].foreign_keys)
    parents = [use for use in uses if use.scan.table in named]
    return {f"{use.scan.table}.{name}" for use in parents for name in _filtered(snapshot, [use])}
