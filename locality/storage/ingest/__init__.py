"""Ingest: rows of files or Arrow objects become a table of a store, or more rows of one, in one commit."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from locality.errors import CatalogError, SchemaError
from locality.settings import available_threads
from locality.storage.catalog import check_name, fold
from locality.storage.entries import ColumnEntry, LayoutEntry, RollupEntry, TableEntry
from locality.storage.ingest import progress as progress_bar
from locality.storage.ingest.appended import raw_columns
from locality.storage.ingest.arrange import Arrange, with_rows
from locality.storage.ingest.keys import check, check_change, parse_foreign_keys, parse_primary_key
from locality.storage.ingest.objects import open_source
from locality.storage.ingest.passes import write
from locality.storage.ingest.schema import existing_table, new_table
from locality.storage.ingest.tail import merge_tail
from locality.storage.snapshot import column_info
from locality.storage.statistics import ColumnStatistics
from locality.storage.store import Store
from locality.storage.table import ForeignKey
from locality.storage.transaction import Transaction
from locality.types import DataType

Mode = Literal["create", "replace", "append"]

__all__ = ["IngestReport", "Mode", "ingest"]


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did.

    rows: rows that were read.
    bytes_in: bytes of the source's files; None for objects.
    bytes_stored: bytes of the files that the table now needs.
    bytes_written: bytes of those that were written, for all layouts.
    """

    table: str
    rows: int
    bytes_in: int | None
    bytes_stored: int
    seconds: float
    bytes_written: int = 0


def ingest(
    store: Store,
    table: str,
    source: Any,
    *,
    mode: Mode = "create",
    primary_key: str | Sequence[str] | None = None,
    foreign_keys: Mapping[str, str] | Sequence[ForeignKey] | None = None,
    csv: Mapping[str, Any] | None = None,
    threads: int | None = None,
    progress: bool | None = None,
    arrange: Arrange | None = None,
) -> IngestReport:
    """Read ``source`` into ``table``, in the source's row order, and commit it; on any error nothing changes.

    Args:
        store: an open store; no other writer may be at work.
        table: the table's name.
        source: a path, a glob or paths of Parquet, CSV or Arrow IPC files, or an object with ``__arrow_c_stream__``.
            A column of a DuckDB relation that is UUID, ENUM or HUGEINT stays so.
        mode: ``create`` a new table, ``replace`` one (or create it), or ``append`` rows to one.
        primary_key: the column or columns that identify a row; checked. An append keeps those of the table.
        foreign_keys: ``{"l_orderkey": "orders(o_orderkey)"}``, or ``{"a, b": "t(x, y)"}``; checked.
        csv: options of DuckDB's ``read_csv`` for CSV files, such as ``{"types": {"zip": "VARCHAR"}, "delim": ";"}``.
        threads: default all cores.
        progress: show a bar on standard error; default if it is a terminal.
        arrange: places rows in the table's layouts; not needed where there is only one, without derived columns.

    Raises:
        SourceError: the source is missing, damaged, of an unknown format, or has a bad row.
        SchemaError: names or types that can't be, or that do not fit the table.
        CatalogError: the table is there already (``create``), or is not (``append``).
        KeyViolation: a declared key does not hold.
        ValueError: there is no such mode.
        StoreLockedError, StoreFullError, StoreError: the store can't be written to.
    """
    started = time.perf_counter()
    check_name("table", table)
    if mode not in get_args(Mode):
        raise ValueError(f"there is no mode {mode!r}: it is one of {', '.join(get_args(Mode))}")
    threads = threads or available_threads()
    keys = parse_primary_key(primary_key), parse_foreign_keys(foreign_keys)
    if mode == "append" and any(keys):
        raise SchemaError(f"an append keeps the keys of table {table!r}: declare them when it is created or replaced")
    rows = open_source(source, threads, csv or {})
    with store.begin() as transaction:
        before = _before(transaction, table, mode)
        raw: frozenset[int] = frozenset()
        if mode == "append" and before is not None:
            columns = [column_info(column) for column in before.columns]
            target = existing_table(before.name, columns, rows.schema, rows.types)
            raw = raw_columns(store.path, before, before.primary)
        else:
            target = new_table(table, rows.schema, rows.types)
        with progress_bar.shown(table, rows.rows, rows.bytes, progress) as report:
            begun = time.perf_counter()
            written = write(transaction, rows, target, threads, report, raw)
            seconds = time.perf_counter() - begun
        if mode == "append" and before is not None:
            entry = before
        else:
            layout = LayoutEntry(written=transaction.version, seconds=seconds)
            others = _emptied_layouts(before, written.columns) if before is not None else ()
            empty = tuple(replace(column, statistics=ColumnStatistics(0)) for column in written.columns)
            entry = TableEntry(table, empty, (layout, *others), *keys, changed=transaction.version)
            entry = replace(entry, rollups=_kept_rollups(before, entry))
        after = with_rows(store, transaction, entry, written, threads, arrange)
        if mode == "append" and before is not None:
            segments = len(after.primary.segments) - len(before.primary.segments)
            entry = check_change(transaction, after, segments, np.empty(0, np.int64))
        else:
            entry = check(transaction, after)
        transaction.put(entry)
        transaction.commit()
    merged = merge_tail(store, entry.name, threads) if mode == "append" else 0
    count = sum(segment.rows for segment in written.segments)
    stored = sum(file.size for file in entry.files)
    known = {file.path for file in before.files} if before is not None else set()
    added = sum(file.size for file in entry.files if file.path not in known)
    return IngestReport(entry.name, count, rows.bytes, stored, time.perf_counter() - started, added + merged)


def _emptied_layouts(before: TableEntry, columns: Sequence[ColumnEntry]) -> tuple[LayoutEntry, ...]:
    """The secondary layouts of a table that is replaced, without rows: those whose columns it still has.

    They keep nothing of parents, to which other keys may lead now.
    """
    names = {column.name for column in columns}
    layouts = []
    for layout in before.layouts[1:]:
        if names.issuperset(layout.columns or ()):
            order, curve = (tuple(name for name in own if name in names) for own in (layout.order, layout.curve))
            layouts.append(LayoutEntry(layout.name, layout.columns, order=order, curve=curve))
    return tuple(layouts)


def _kept_rollups(before: TableEntry | None, after: TableEntry) -> tuple[RollupEntry, ...]:
    """The rollups of a table that is replaced, to be computed anew: none if its columns are not the same."""
    if before is None or _described(before) != _described(after):
        return ()
    return tuple(replace(each, grouping=replace(each.grouping, table=after.name)) for each in before.rollups)


def _described(table: TableEntry) -> list[tuple[str, DataType, str | None]]:
    return [(fold(column.name), column.type, column.arrow) for column in table.columns]


def _before(transaction: Transaction, table: str, mode: Mode) -> TableEntry | None:
    before = transaction.tables.get(table)
    if mode == "create" and before is not None:
        raise CatalogError(
            f"table {before.name!r} is already in the store: choose the mode replace, or append to add the rows to it"
        )
    if mode == "append" and before is None:
        transaction.tables.table(table)
    return before
