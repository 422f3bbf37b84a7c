"""The rows of a stored table in another order: by columns of its own, or of tables that its foreign keys lead to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from locality.encodings import EncodedColumn, bitmaps, slice_column
from locality.errors import CatalogError, SchemaError, Unsupported
from locality.operators.ordering.curve import curve_field
from locality.operators.ordering.fields import Field, fields_of
from locality.operators.ordering.order import SORT_BYTES, order_of
from locality.operators.physical import Execution
from locality.operators.relations.relation import Positions
from locality.operators.relations.tables import whole_table
from locality.runtime.external import Scope, parts_of
from locality.runtime.parents import Parents
from locality.runtime.paths import OrderColumn, order_column
from locality.storage.catalog import column_positions
from locality.storage.entries import DerivedEntry, LayoutEntry
from locality.storage.ingest.arrange import layout_rows
from locality.storage.ingest.source import CHUNK_ROWS, Columns, Source
from locality.storage.snapshot import Snapshot
from locality.storage.table import Table
from locality.types import BIGINT

#: Rows that are placed at once however small the memory limit is.
_LEAST_ROWS = 65536


@dataclass(frozen=True)
class RowOrder:
    """How rows are to lie: by ``columns``, and among equal ones along a curve through the columns of ``curve``."""

    columns: tuple[OrderColumn, ...]
    curve: tuple[OrderColumn, ...] = ()

    @property
    def names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The columns, and those of the curve, as a store's manifest notes them."""
        return tuple(column.name for column in self.columns), tuple(column.name for column in self.curve)


def resolve_order(snapshot: Snapshot, table: str, order: Sequence[str], curve: Sequence[str] = ()) -> RowOrder:
    """The columns that the names mean: one of the table, or ``parent.column``, found by foreign keys.

    Raises:
        CatalogError: there is no such table. SchemaError: no such column, or no foreign key, or more than one, leads to
            the parent; or a column's type has no order.
    """
    stored = snapshot.tables.table(table)
    if not order and not curve:
        raise SchemaError(f"no order was given for table {table!r}: name one column or more")
    if len(curve) == 1:
        raise SchemaError(f"a curve goes through two columns or more; order table {table!r} by {curve[0]!r} instead")
    columns = tuple(order_column(snapshot, stored, name) for name in order)
    return RowOrder(columns, tuple(order_column(snapshot, stored, name) for name in curve))


def layout_source(
    snapshot: Snapshot, table: str, layout: LayoutEntry, execution: Execution, first: int = 0, *, sort: bool = True
) -> Source:
    """The rows of a table from position ``first`` on as a layout has them: in its order, NULLs last, with what it
    derives from their parents, and of a secondary one with their row ids. Rows that are equal in the order keep theirs.

    sort: False leaves them in the order in which they are stored.

    More rows than half of the execution's memory limit has room for are placed part by part. Raises MemoryLimitError
    where not even a part fits, or strings do not that must be decompressed.
    """
    stored = snapshot.tables.table(table)
    rows = _live_rows(stored, first)
    columns = range(len(stored.columns)) if layout.columns is None else _positions(stored, layout.columns)
    order = _order_of(snapshot, stored, layout) if sort else None
    count = stored.row_count if rows is None else len(rows)
    most = _rows_at_once(stored, layout, columns, execution.memory_limit)
    if order is not None and count > most:
        positions = np.arange(count, dtype=np.int64) if rows is None else rows
        placed = _in_parts(snapshot, stored, layout, columns, positions, order, most, execution)
        return layout_rows(stored, layout, placed, count)
    parents = Parents(snapshot, stored, execution, rows)
    places = None
    if order is not None:
        execution.reserve(SORT_BYTES * count, "the order of a table's rows")
        places = sorted_rows(order, lambda column: parents.values(column.path, column.column), count, execution)
    text = sum(map(stored.raw_bytes, columns)) * count // max(stored.row_count, 1)
    execution.reserve(text, f"the strings of table {stored.name!r}")
    return layout_rows(stored, layout, _chunks(stored, layout, columns, parents, places, execution), count)


def _order_of(snapshot: Snapshot, table: Table, layout: LayoutEntry) -> RowOrder | None:
    """A layout's order, without columns that foreign keys led to once but do not any more; None if nothing is left."""
    columns = tuple(_found(snapshot, table, layout.order))
    curve = tuple(_found(snapshot, table, layout.curve))
    if len(curve) == 1:
        columns, curve = columns + curve, ()
    return RowOrder(columns, curve) if columns or curve else None


def _found(snapshot: Snapshot, table: Table, names: Sequence[str]) -> Iterator[OrderColumn]:
    for name in names:
        with contextlib.suppress(SchemaError, CatalogError):
            yield order_column(snapshot, table, name)


def _rows_at_once(table: Table, layout: LayoutEntry, columns: Sequence[int], memory_limit: int) -> int:
    """Rows of which half of the memory holds the keys and all columns, decoded."""
    types = [*(table.columns[column].type for column in columns), *(column.type for column in layout.derived)]
    strings = sum(map(table.raw_bytes, columns)) // max(table.row_count, 1)
    return max(memory_limit // 2 // (SORT_BYTES + strings + sum(dtype.row_bytes for dtype in types)), _LEAST_ROWS)


def _in_parts(
    snapshot: Snapshot,
    table: Table,
    layout: LayoutEntry,
    columns: Sequence[int],
    rows: Positions,
    order: RowOrder,
    most: int,
    execution: Execution,
) -> Iterator[Columns]:
    """The rows at positions of a table as a layout has them, in parts of so many at most."""

    def sort(positions: Positions, execution: Execution, by: RowOrder) -> tuple[Parents, Positions]:
        parents = Parents(snapshot, table, execution, positions)
        execution.reserve(SORT_BYTES * len(positions), "the order of a table's rows")
        return parents, sorted_rows(
            by, lambda column: parents.values(column.path, column.column), len(positions), execution
        )

    def places(positions: Positions, execution: Execution) -> Positions:
        with Scope(execution) as scope:
            return sort(positions, scope, RowOrder(order.columns))[1]

    for part in parts_of(rows, most, places if order.columns else None, execution):
        with Scope(execution) as scope:
            yield from _chunks(table, layout, columns, *sort(part, scope, order), scope)


def _live_rows(table: Table, first: int) -> Positions | None:
    """The positions from one on of the rows that were not deleted; None for all rows of the table."""
    if table.has_deletions:
        return first + np.flatnonzero(table.live_mask()[first:])
    return np.arange(first, table.row_count, dtype=np.int64) if first else None


def _chunks(
    table: Table,
    layout: LayoutEntry,
    columns: Sequence[int],
    parents: Parents,
    places: Positions | None,
    execution: Execution,
) -> Iterator[Columns]:
    """The rows that ``parents`` are of, as a layout has them, encoded as they are where they come from.

    Columns are gathered as a whole, each on a thread: strings are decompressed once, segments brought together once.
    places: their numbers among themselves in the order in which they come; None leaves them as they are.
    """
    if not parents.row_count:
        return
    relation = whole_table(table, columns)
    among = np.arange(parents.row_count, dtype=np.int64) if places is None else places
    taken = among if parents.positions is None else parents.positions[among]
    of_parents = {path: parents.rows(path)[among] for path in {column.path for column in layout.derived}}
    tasks = [partial(relation.gather, i, taken) for i in range(len(columns))]
    tasks += [partial(derived_values, parents, column, of_parents[column.path]) for column in layout.derived]
    gathered: dict[int, EncodedColumn] = {}

    def gather(_: int, number: int) -> None:
        gathered[number] = tasks[number]()

    execution.run(range(len(tasks)), gather)
    found = [gathered[number] for number in range(len(tasks))]
    if layout.columns is not None:
        found.append(EncodedColumn(BIGINT, "plain", len(taken), taken))
    for start in range(0, len(taken), CHUNK_ROWS):
        yield [slice_column(column, start, min(start + CHUNK_ROWS, len(taken))) for column in found]


def derived_values(parents: Parents, column: DerivedEntry, found: Positions) -> EncodedColumn:
    """What parents have in a column, given by their rows; -1 is none."""
    if column.column is not None:
        return parents.at(column.path, column.column, found)
    there = found >= 0
    return EncodedColumn(BIGINT, "plain", len(found), found, None if there.all() else bitmaps.from_mask(there))


def sorted_rows(
    order: RowOrder, values_of: Callable[[OrderColumn], EncodedColumn], rows: int, execution: Execution
) -> Positions:
    """Positions of rows in order, by the values that they have in its columns; shape (rows,)."""
    fields = [field for column in order.columns for field in _fields(column, values_of(column))]
    if order.curve:
        curve = [_fields(column, values_of(column)) for column in order.curve]
        fields.append(curve_field(curve, rows, execution.run))
    return order_of(fields, rows, execution.run).rows


def _fields(column: OrderColumn, values: EncodedColumn) -> list[Field]:
    try:
        return fields_of(values)
    except Unsupported:
        raise SchemaError(f"column {column.name!r} is {values.type}, which has no order") from None


def _positions(table: Table, columns: Sequence[str]) -> list[int]:
    return column_positions(table.name, table.column_names, columns)
