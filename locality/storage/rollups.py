"""Rollups in a store: made, kept as their table changes, and dropped, always in the commit that they belong to.

Rows that are appended to a table add rows to its rollups; a table that is written anew has its rollups computed anew.
What else changes rows leaves a rollup as it was, of rows that are no more, so that no query is answered from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from weakref import WeakMethod

from locality.errors import CatalogError, MemoryLimitError, QueryError, Unsupported
from locality.plan.rollups import Grouping
from locality.settings import available_threads
from locality.storage.catalog import check_name, fold
from locality.storage.entries import LayoutEntry, RollupEntry, TableEntry
from locality.storage.ingest.appended import appended, raw_columns
from locality.storage.ingest.passes import Written, write
from locality.storage.ingest.schema import existing_table, new_table
from locality.storage.ingest.source import Source
from locality.storage.segment import SegmentFiles
from locality.storage.snapshot import column_info, open_table
from locality.storage.store import Store
from locality.storage.table import Table
from locality.storage.transaction import Maintain, Transaction

Compute = Callable[[Grouping, Table], Source]
"""The rows of a rollup, for all rows of a table; raises Unsupported, QueryError or MemoryLimitError if it can't be."""


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


def maintaining(compute: WeakMethod[Compute]) -> Maintain:
    """What gives a table that was changed its rollups as they now are, as far as they can be told.

    compute: of who changes tables, and is not kept alive by the store.
    """

    def maintain(transaction: Transaction, before: TableEntry, after: TableEntry) -> TableEntry:
        computing = compute()
        assert computing is not None
        rollups = tuple(_maintained(transaction, rollup, before, after, computing) for rollup in after.rollups)
        return replace(after, rollups=rollups)

    return maintain


def _maintained(
    transaction: Transaction, rollup: RollupEntry, before: TableEntry, after: TableEntry, compute: Compute
) -> RollupEntry:
    old, new = before.primary.segments, after.primary.segments
    try:
        if rollup.state == before.state and new[: len(old)] == old:
            return _extended(transaction, rollup, after, new[len(old) :], compute)
        if not {files.codes for files in old} & {files.codes for files in new}:
            return _made(transaction, rollup, after, compute)
    except (Unsupported, QueryError, MemoryLimitError):  # the rows are right all the same
        return rollup
    return rollup


def _made(transaction: Transaction, rollup: RollupEntry, table: TableEntry, compute: Compute) -> RollupEntry:
    """The rollup of all rows of a table."""
    source = _rows(transaction, rollup, table, compute)
    target = new_table(rollup.stored.name, source.schema, source.types)
    written = write(transaction, source, target, available_threads(), _unseen)
    layout = LayoutEntry(segments=written.segments, dictionaries=written.dictionaries, written=transaction.version)
    return replace(rollup, stored=TableEntry(rollup.stored.name, written.columns, (layout,)), state=table.state)


def _extended(
    transaction: Transaction, rollup: RollupEntry, table: TableEntry, added: Sequence[SegmentFiles], compute: Compute
) -> RollupEntry:
    """The rollup with further rows, those of segments that a table got."""
    part = replace(table, layouts=(replace(table.primary, segments=tuple(added)),))
    source = _rows(transaction, rollup, part, compute)
    stored = rollup.stored
    target = existing_table(stored.name, [column_info(c) for c in stored.columns], source.schema, source.types)
    raw = raw_columns(transaction.store, stored, stored.primary)
    written: Written = write(transaction, source, target, available_threads(), _unseen, raw)
    return replace(rollup, stored=appended(stored, written), state=table.state)


def _rows(transaction: Transaction, rollup: RollupEntry, table: TableEntry, compute: Compute) -> Source:
    return compute(rollup.grouping, open_table(transaction.store, replace(table, rollups=())))


def _unseen(rows: int) -> None:
    """Progress of writing a rollup is not shown."""
