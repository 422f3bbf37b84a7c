"""What a store holds, in figures, for people to look at."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from locality.encodings import EncodedColumn, decode
from locality.storage.catalog import listed
from locality.storage.entries import ColumnEntry, LayoutEntry, RollupEntry, TableEntry
from locality.storage.store import Store
from locality.storage.table import ForeignKey, Table
from locality.types import DataType, Domain
from locality.units import quantity


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """A column.

    encodings: those of its segments, without repetition.
    stored_bytes: in memory, and on disk but for text, which is compressed there; with dictionaries.
    minimum, maximum: as Python values; of strings their beginnings; None if there are none.
    """

    name: str
    type: str
    encodings: tuple[str, ...]
    rows: int
    nulls: int
    distinct: int
    stored_bytes: int
    minimum: Any
    maximum: Any
    sorted: str | None

    @property
    def bytes_per_value(self) -> float:
        """Stored bytes per row."""
        return self.stored_bytes / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class LayoutSummary:
    """A further copy of a table's rows: its columns, their order, and the bytes of its files on disk.

    carried: the columns of parents that it has; outdated: those of them that do not serve until it is written again.
    """

    name: str
    columns: tuple[str, ...]
    order: tuple[str, ...]
    file_bytes: int
    carried: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RollupSummary:
    """A stored aggregation of a table's rows.

    sql: what it was made of. rows: one for each group, or several. stale: whether the table's rows have changed since,
        so that no query is answered from it.
    """

    name: str
    sql: str
    rows: int
    file_bytes: int
    stale: bool


@dataclass(frozen=True, slots=True)
class TableSummary:
    """A table; ``file_bytes`` are those of its files on disk, ``deleted`` the rows that still lie in them unused.

    order, carried, outdated: of the primary layout, as for others; layouts: these.
    """

    name: str
    rows: int
    deleted: int
    segments: int
    file_bytes: int
    columns: tuple[ColumnSummary, ...]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    unique: tuple[str, ...]
    order: tuple[str, ...]
    layouts: tuple[LayoutSummary, ...] = ()
    rollups: tuple[RollupSummary, ...] = ()
    carried: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """A store at one version; as text, a table of columns for each table."""

    path: Path
    version: int
    tables: tuple[TableSummary, ...]

    def __str__(self) -> str:
        size = sum(table.file_bytes for table in self.tables)
        head = f"{self.path}: version {self.version}, {quantity(len(self.tables), 'table')}, {size:,} bytes"
        return "\n\n".join([head, *map(_text, self.tables)])

    __repr__ = __str__


def describe(store: Store) -> StoreInfo:
    """All tables of the store's last commit; raises CorruptStoreError if a segment can't be read."""
    snapshot = store.snapshot()
    tables = [_table(entry, snapshot.tables[name]) for name, entry in snapshot.entries.items()]
    return StoreInfo(store.path, snapshot.version, tuple(tables))


def _table(entry: TableEntry, table: Table) -> TableSummary:
    return TableSummary(
        entry.name,
        entry.rows,
        sum(segment.dead for segment in entry.primary.segments),
        len(entry.primary.segments),
        sum(file.size for file in entry.files),
        tuple(_column(column, table, index) for index, column in enumerate(entry.columns)),
        entry.primary_key,
        entry.foreign_keys,
        entry.unique,
        entry.primary.placement,
        tuple(_layout(layout, table) for layout in entry.layouts[1:]),
        tuple(_rollup(rollup, stale=rollup not in entry.fresh_rollups) for rollup in entry.rollups),
        *_carried(entry.primary, table),
    )


def _layout(layout: LayoutEntry, table: Table) -> LayoutSummary:
    size = sum(file.size for file in layout.files)
    return LayoutSummary(layout.name, layout.columns or (), layout.placement, size, *_carried(layout, table))


def _carried(layout: LayoutEntry, table: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of parents that a layout has, and those that do not serve any more."""
    names = tuple(column.name for column in layout.derived)
    serving = {table.column_name(column.number) for column in table.derived(layout.name)}
    return names, tuple(name for name in names if name not in serving)


def _rollup(rollup: RollupEntry, *, stale: bool) -> RollupSummary:
    size = sum(file.size for file in rollup.stored.files)
    return RollupSummary(rollup.name, rollup.sql, rollup.stored.rows, size, stale)


def _column(column: ColumnEntry, table: Table, index: int) -> ColumnSummary:
    statistics = column.statistics
    return ColumnSummary(
        column.name,
        str(column.type),
        tuple(dict.fromkeys(segment.encoding(index) for segment in table.segments)),
        statistics.rows,
        statistics.null_count,
        statistics.distinct_estimate,
        statistics.stored_bytes,
        _python(statistics.minimum, column.type),
        _python(statistics.maximum, column.type),
        statistics.sorted,
    )


def _python(value: int | float | bytes | None, dtype: DataType) -> Any:
    """A statistic as the Python value that a query would return."""
    if isinstance(value, bytes):
        return value if dtype.name == "BLOB" else value.decode(errors="replace")
    if isinstance(value, int) and dtype.is_decimal:
        return Decimal(value).scaleb(-dtype.scale)
    if isinstance(value, int) and dtype.domain is Domain.INTEGER and abs(value) < 2**63:
        return decode(EncodedColumn(dtype, "frame", 1, codes=np.zeros(1, np.uint8), base=value))[0].as_py()
    return value


def _text(table: TableSummary) -> str:
    header = ("column", "type", "encoding", "bytes", "per value", "nulls", "distinct", "minimum", "maximum")
    rows = [
        (
            column.name,
            column.type,
            " ".join(column.encodings),
            f"{column.stored_bytes:,}",
            f"{column.bytes_per_value:.2f}",
            f"{column.nulls:,}",
            f"{column.distinct:,}",
            "" if column.minimum is None else str(column.minimum),
            "" if column.maximum is None else str(column.maximum),
        )
        for column in table.columns
    ]
    widths = [max(map(len, cells)) for cells in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    ]
    return "\n".join([f"{table.name}: {table.rows:,} rows, {table.file_bytes:,} bytes", *_keys(table), *lines])


def _carries(layout: TableSummary | LayoutSummary) -> list[str]:
    names = (f"{name} (outdated)" if name in layout.outdated else name for name in layout.carried)
    return [f"carries {', '.join(names)}"] if layout.carried else []


def _keys(table: TableSummary) -> list[str]:
    lines = [f"{table.deleted:,} deleted rows are still stored"] if table.deleted else []
    lines += [f"in the order of {', '.join(table.order)}"] if table.order else []
    lines += [f"primary key {listed(table.primary_key)}"] if table.primary_key else []
    lines += [f"foreign key {listed(key.columns)} -> {key.table} {listed(key.parents)}" for key in table.foreign_keys]
    lines += _carries(table)
    for layout in table.layouts:
        order = f" in the order of {', '.join(layout.order)}" if layout.order else ""
        lines.append(f"layout {layout.name}: {listed(layout.columns)}{order}, {layout.file_bytes:,} bytes")
        lines += _carries(layout)
    lines += [_rollup_text(rollup) for rollup in table.rollups]
    found = [name for name in table.unique if (name,) != table.primary_key]
    return lines + ([f"unique by inspection: {', '.join(found)}"] if found else [])


def _rollup_text(rollup: RollupSummary) -> str:
    stale = ", not in use since rows have changed: compact the table" if rollup.stale else ""
    size = f"{rollup.rows:,} rows, {rollup.file_bytes:,} bytes"
    return f"rollup {rollup.name}: {size}{stale}: {' '.join(rollup.sql.split())}"
