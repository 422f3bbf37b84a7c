"""Rollups in a store: made, kept as their table changes, and dropped, always in the commit that they belong to.

Rows that are appended to a table add rows to its rollups. Where rows were deleted, the rows of their groups are marked
as deleted in the rollups, too, and these groups are aggregated again. (That is exact for minima as well, which no
subtraction gives; Gupta and Mumick, "Maintenance of materialized views", 1995, call it recomputing affected groups.) A
table that is written anew has its rollups computed anew.

What can't be computed leaves a rollup as it was, of rows that are no more, so that no query is answered from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from locality.errors import CatalogError, MemoryLimitError, QueryError, Unsupported
from locality.plan.rollups import Grouping
from locality.settings import available_threads
from locality.storage.catalog import check_name, fold
from locality.storage.change import without_rows
from locality.storage.deletions import Deletions, Mask, RowIds
from locality.storage.entries import LayoutEntry, RollupEntry, TableEntry
from locality.storage.files import FileEntry
from locality.storage.ingest.appended import appended, raw_columns
from locality.storage.ingest.passes import Written, write
from locality.storage.ingest.schema import existing_table, new_table
from locality.storage.ingest.source import Source
from locality.storage.segment import SegmentFiles
from locality.storage.snapshot import column_info, open_table
from locality.storage.store import Store
from locality.storage.table import Table
from locality.storage.transaction import Maintain, Transaction


class Compute(Protocol):
    """Computes what rollups hold; raises Unsupported, QueryError or MemoryLimitError where it can't be."""

    def rows(self, grouping: Grouping, table: Table, gone: Table | None = None) -> Source:
        """The rows of a rollup of a table; those of groups that ``gone``, other rows of the table, has, if given."""

    def places(self, grouping: Grouping, gone: Table, stored: Table) -> RowIds:
        """The row ids of such groups in a rollup."""


@dataclass(frozen=True, slots=True)
class RollupReport:
    """What making a rollup did: its rows and bytes, beside the rows and bytes of the table."""

    name: str
    table: str
    rows: int
    bytes_stored: int
    table_rows: int
    table_bytes: int
    seconds: float = 0.0


def make_rollup(store: Store, name: str, sql: str, grouping: Grouping, compute: Compute) -> RollupReport:
    """Make a rollup, or make the one of its name anew, and commit; on any error nothing changes.

    Raises what ``compute`` does; CatalogError: there is no such table, or the rollup of that name is of another one.
    StoreLockedError, StoreFullError, StoreError: the store can't be written to.
    """
    check_name("rollup", name)
    with store.begin() as transaction:
        table = transaction.tables.table(grouping.table)
        held = [(each, rollup) for each in transaction.tables.values() for rollup in each.rollups]
        for each, rollup in held:
            if fold(rollup.name) == fold(name) and each.name != table.name:
                raise CatalogError(f"rollup {name!r} is already one of table {each.name!r}; drop it first")
        made = _made(
            transaction, RollupEntry(name, sql, grouping, TableEntry(f"rollup {name}", (), ()), ""), table, compute
        )
        others = tuple(rollup for rollup in table.rollups if fold(rollup.name) != fold(name))
        table = replace(table, rollups=(*others, made))
        transaction.put(table)
        transaction.commit()
    sizes = (sum(file.size for layout in each.layouts for file in layout.files) for each in (made.stored, table))
    stored, of_table = sizes
    return RollupReport(name, table.name, made.stored.rows, stored, table.rows, of_table)


def drop_rollup(store: Store, name: str) -> None:
    """Drop a rollup durably; raises CatalogError if it is not there."""
    with store.begin() as transaction:
        tables = transaction.tables.values()
        for table in tables:
            kept = tuple(rollup for rollup in table.rollups if fold(rollup.name) != fold(name))
            if len(kept) < len(table.rollups):
                transaction.put(replace(table, rollups=kept))
                transaction.commit()
                return
        known = ", ".join(rollup.name for table in tables for rollup in table.rollups) or "none"
    raise CatalogError(f"there is no rollup {name!r} in the store; its rollups: {known}")


def maintaining(compute: Compute) -> Maintain:
    """What gives a table that was changed its rollups as they now are, as far as they can be told."""

    def maintain(transaction: Transaction, before: TableEntry, after: TableEntry) -> TableEntry:
        changed = _Changed(transaction, before, after)
        return replace(after, rollups=tuple(_maintained(changed, rollup, compute) for rollup in after.rollups))

    return maintain


@dataclass(frozen=True)
class _Changed:
    """A table that a write changes, as it was and as it is to be; what all rollups ask about it is found once."""

    transaction: Transaction
    before: TableEntry
    after: TableEntry

    @cached_property
    def known(self) -> frozenset[FileEntry]:
        """What tells the segments that there were."""
        return frozenset(files.codes for files in self.before.primary.segments)

    @cached_property
    def kept(self) -> tuple[SegmentFiles, ...]:
        """Those of them that there are still, as they are."""
        return tuple(files for files in self.after.primary.segments if files.codes in self.known)

    @property
    def added(self) -> tuple[SegmentFiles, ...]:
        """All others: those behind them."""
        return self.after.primary.segments[len(self.kept) :]

    @cached_property
    def left(self) -> Table:
        """The rows that there were and still are."""
        return open_table(self.transaction.store, _of_segments(self.after, self.kept))

    @cached_property
    def gone(self) -> Table | None:
        """The rows that there were and are no more; None if there are none."""
        now = {files.codes: files for files in self.kept}
        lost: list[SegmentFiles] = []
        for files in self.before.primary.segments:
            left = now.get(files.codes)
            if left is None:
                lost.append(files)
            elif left.deleted != files.deleted:
                gone = _live(self.transaction.store, files) & ~_live(self.transaction.store, left)
                dead = files.rows - int(np.count_nonzero(gone))
                lost.append(replace(files, deleted=self.transaction.add_deletions(gone), dead=dead))
        return open_table(self.transaction.store, _of_segments(self.before, lost)) if lost else None


def _maintained(changed: _Changed, rollup: RollupEntry, compute: Compute) -> RollupEntry:
    transaction, before, after = changed.transaction, changed.before, changed.after
    try:
        if not changed.kept and (changed.known or rollup.state != before.state):
            return _made(transaction, rollup, after, compute)
        if rollup.state != before.state or any(files.codes in changed.known for files in changed.added):
            return rollup
        if changed.gone is not None:
            if not rollup.grouping.groups:
                return _made(transaction, rollup, after, compute)
            rollup = _again(transaction, rollup, changed.gone, changed.left, compute)
        return _extended(transaction, rollup, after, changed.added, compute)
    except (Unsupported, QueryError, MemoryLimitError):  # the rows are right all the same
        return rollup


def _of_segments(table: TableEntry, segments: Sequence[SegmentFiles]) -> TableEntry:
    """Some of a table's rows; only the primary layout, and no rollups."""
    return replace(table, layouts=(replace(table.primary, segments=tuple(segments)),), rollups=())


def _again(transaction: Transaction, rollup: RollupEntry, gone: Table, left: Table, compute: Compute) -> RollupEntry:
    """The rollup with the groups of rows that are ``gone`` aggregated again, over the rows that are ``left``."""
    places = compute.places(rollup.grouping, gone, open_table(transaction.store, rollup.stored))
    again = compute.rows(rollup.grouping, left, gone)
    stored = without_rows(transaction, rollup.stored, np.sort(places))
    return _with_rows(transaction, replace(rollup, stored=stored), again)


def _live(store: Path, files: SegmentFiles) -> Mask:
    if files.deleted is None:
        return np.ones(files.rows, np.bool_)
    return Deletions(store, files.deleted, files.rows, files.dead).mask()


def _made(transaction: Transaction, rollup: RollupEntry, table: TableEntry, compute: Compute) -> RollupEntry:
    """The rollup of all rows of a table."""
    source = compute.rows(rollup.grouping, open_table(transaction.store, replace(table, rollups=())))
    target = new_table(rollup.stored.name, source.schema, source.types)
    written = write(transaction, source, target, available_threads(), _unseen)
    layout = LayoutEntry(segments=written.segments, dictionaries=written.dictionaries, written=transaction.version)
    return replace(rollup, stored=TableEntry(rollup.stored.name, written.columns, (layout,)), state=table.state)


def _extended(
    transaction: Transaction, rollup: RollupEntry, table: TableEntry, added: Sequence[SegmentFiles], compute: Compute
) -> RollupEntry:
    """The rollup, as it is of the table's other rows, with further rows: those of segments that it got."""
    if added:
        source = compute.rows(rollup.grouping, open_table(transaction.store, _of_segments(table, added)))
        rollup = _with_rows(transaction, rollup, source)
    return replace(rollup, state=table.state)


def _with_rows(transaction: Transaction, rollup: RollupEntry, source: Source) -> RollupEntry:
    stored = rollup.stored
    target = existing_table(stored.name, [column_info(c) for c in stored.columns], source.schema, source.types)
    raw = raw_columns(transaction.store, stored, stored.primary)
    written: Written = write(transaction, source, target, available_threads(), _unseen, raw)
    return replace(rollup, stored=appended(stored, written))


def _unseen(rows: int) -> None:
    """Progress of writing a rollup is not shown."""
