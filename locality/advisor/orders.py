"""Candidates: orders and curves that a table's rows might lie in, from what the workload filters and groups by."""

from __future__ import annotations

import contextlib
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from locality.advisor.analysis import Analysis
from locality.advisor.uses import TableUse
from locality.errors import SchemaError
from locality.plan.expressions import columns_of
from locality.runtime.paths import OrderColumn
from locality.runtime.reorder import RowOrder, resolve_order
from locality.storage.snapshot import Snapshot
from locality.storage.table import Table
from locality.storage.zones import ZONE_ROWS

#: Columns of a table that orders are made of: those in the filters of most bytes.
_MOST_COLUMNS = 6


def single_orders(snapshot: Snapshot, table: Table, analyses: Sequence[Analysis]) -> list[RowOrder]:
    """Orders by one column: by what filters and groups ask for, those of most bytes first.

    A filter on a parent's column counts as well where a foreign key of one column leads there: dates of a child follow
    those of its parent. table: one of the snapshot, or as it might be.
    """
    weights: defaultdict[str, float] = defaultdict(float)
    for analysis in analyses:
        own = [use for use in analysis.uses if use.scan.table == table.name]
        if own:
            asked = _filtered(table, own) | _grouped(table, own) | _parents(snapshot, table, analysis.uses)
            for name in asked:
                weights[name] += analysis.weight * analysis.bytes
    names = sorted(weights, key=lambda name: -weights[name])[:_MOST_COLUMNS]
    return list(_resolved(snapshot, table, (((name,), ()) for name in names)))


def combined_orders(snapshot: Snapshot, table: Table, singles: Sequence[RowOrder]) -> list[RowOrder]:
    """Orders by each of these columns within another, and curves through those of the table's own."""
    names = [order.columns[0].name for order in singles]
    zones = table.row_count / ZONE_ROWS
    # among as many values of the first column as zones, a second one divides none further
    firsts = {name for name, order in zip(names, singles, strict=True) if _distinct(snapshot, order, table) < zones}
    pairs = ((pair, ()) for pair in itertools.permutations(names, 2) if pair[0] in firsts)
    own = [name for name in names if "." not in name]
    curves = (((), chosen) for count in (2, 3) for chosen in itertools.combinations(own, count))
    return list(_resolved(snapshot, table, itertools.chain(pairs, curves)))


def _distinct(snapshot: Snapshot, order: RowOrder, table: Table) -> int:
    """Different values of the first column of an order."""
    first: OrderColumn = order.columns[0]
    holder = snapshot.tables[first.path[-1].table] if first.path else table
    return holder.distinct_count(holder.column_names.index(first.column)).count


def _resolved(
    snapshot: Snapshot, table: Table, orders: Iterable[tuple[Sequence[str], Sequence[str]]]
) -> Iterator[RowOrder]:
    for order, curve in orders:
        # some are of a type without an order, or reached by more than one foreign key
        with contextlib.suppress(SchemaError):
            yield resolve_order(snapshot, table.name, order, curve)


def _filtered(table: Table, uses: Sequence[TableUse]) -> set[str]:
    names = set()
    for use in uses:
        for conjunct in use.conjuncts:
            read = columns_of(conjunct)
            if len(read) == 1:
                position = use.scan.columns[next(iter(read))]
                if not table.raw_bytes(position):  # few tests of raw text exclude zones, and sorting it takes long
                    names.add(table.column_name(position))
    return names


def _grouped(table: Table, uses: Sequence[TableUse]) -> set[str]:
    """Columns whose groups are so many that rows of each had better lie together."""
    grouped = {use.scan.columns[grouping.column] for use in uses for grouping in use.groupings}
    many = (c for c in grouped if c < len(table.columns) and table.distinct_count(c).count > ZONE_ROWS)
    return {table.column_name(c) for c in many if not table.raw_bytes(c)}


def _parents(snapshot: Snapshot, table: Table, uses: Sequence[TableUse]) -> set[str]:
    """Filtered columns of the tables that this one's foreign keys name."""
    names = set()
    for parent in {key.table for key in table.foreign_keys}:
        stored = snapshot.tables[parent]
        found = _filtered(stored, [_of_own(use, stored) for use in uses if use.scan.table == parent])
        names |= {f"{parent}.{name}" for name in found}
    return names


def _of_own(use: TableUse, table: Table) -> TableUse:
    """The scan without tests of columns that its table does not have itself."""
    carried = {i for i, column in enumerate(use.scan.columns) if column >= len(table.columns)}
    return replace(use, conjuncts=[term for term in use.conjuncts if carried.isdisjoint(columns_of(term))])
