"""The rows of a stored table in another order: by columns of its own, or of tables that its foreign keys lead to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from locality.encodings import EncodedColumn, decode, without_rows
from locality.errors import SchemaError, Unsupported
from locality.operators.ordering.curve import curve_field
from locality.operators.ordering.fields import Field, fields_of
from locality.operators.ordering.order import SORT_BYTES, order_of
from locality.operators.physical import Execution
from locality.operators.relations.keyindex import index_rows
from locality.operators.relations.relation import Positions, Relation
from locality.operators.relations.tables import whole_table
from locality.storage.catalog import column_positions, fold
from locality.storage.entries import LayoutEntry
from locality.storage.ingest.source import CHUNK_ROWS, Source
from locality.storage.ingest.stored import stored_rows
from locality.storage.secondary import layout_rows, layout_schema
from locality.storage.snapshot import Snapshot
from locality.storage.table import ForeignKey, Table


@dataclass(frozen=True)
class OrderColumn:
    """A column that rows are ordered by.

    path: the foreign keys that lead from the table to the column's; none for a column of its own.
    """

    name: str
    path: tuple[ForeignKey, ...]
    column: str


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
    columns = tuple(_resolve(snapshot, stored, name) for name in order)
    return RowOrder(columns, tuple(_resolve(snapshot, stored, name) for name in curve))


def _resolve(snapshot: Snapshot, table: Table, name: str) -> OrderColumn:
    if fold(name) in map(fold, table.column_names) or "." not in name:
        path: tuple[ForeignKey, ...] = ()
        holder, column = table, name
    else:
        parent, _, column = name.partition(".")
        path = _path(snapshot, table, snapshot.tables.table(parent))
        holder = snapshot.tables[parent]
    (position,) = column_positions(holder.name, holder.column_names, [column])
    found = holder.columns[position]
    if found.arrow is not None:
        raise SchemaError(f"column {found.name!r} of table {holder.name!r} is {found.type}, which has no order")
    full = found.name if not path else f"{holder.name}.{found.name}"
    return OrderColumn(full, path, found.name)


def _path(snapshot: Snapshot, table: Table, parent: Table) -> tuple[ForeignKey, ...]:
    """The shortest way from a table to another by foreign keys; raises SchemaError if there is none, or two."""
    ways: list[tuple[ForeignKey, ...]] = [(key,) for key in table.foreign_keys]
    seen = {table.name}
    while ways:
        found = [way for way in ways if way[-1].table == parent.name]
        if len(found) > 1:
            raise SchemaError(f"more than one foreign key leads from table {table.name!r} to {parent.name!r}")
        if found:
            return found[0]
        seen.update(way[-1].table for way in ways)
        ways = [
            (*way, key) for way in ways for key in snapshot.tables[way[-1].table].foreign_keys if key.table not in seen
        ]
    raise SchemaError(
        f"no foreign key leads from table {table.name!r} to {parent.name!r}: "
        "declare it when the table is ingested, with foreign_keys={...}"
    )


def ordered_source(snapshot: Snapshot, table: str, order: RowOrder, execution: Execution) -> Source:
    """The table's rows in an order, NULLs last; rows that are equal in it keep theirs.

    Raises MemoryLimitError if the keys, or strings that must be decompressed, do not fit the execution's memory limit.
    """
    stored = snapshot.tables.table(table)
    positions = _of_live_rows(stored, row_order(snapshot, stored, order, execution))
    relation = whole_table(stored, range(len(stored.columns)))
    text = sum(stored.raw_bytes(index) for index in range(len(stored.columns)))
    execution.reserve(text, f"the strings of table {stored.name!r}")
    return stored_rows(stored, _batches(stored, relation, positions))


def layout_source(snapshot: Snapshot, table: str, layout: LayoutEntry, execution: Execution) -> Source:
    """The rows of a secondary layout in its order, each with its row id; raises as :func:`ordered_source`."""
    stored = snapshot.tables.table(table)
    order = resolve_order(snapshot, table, layout.order, layout.curve)
    positions = _of_live_rows(stored, row_order(snapshot, stored, order, execution))
    columns = column_positions(stored.name, stored.column_names, layout.columns or ())
    execution.reserve(sum(map(stored.raw_bytes, columns)), f"the strings of table {stored.name!r}")
    relation = whole_table(stored, columns)
    schema = layout_schema(stored, columns)

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(positions), CHUNK_ROWS):
            rows = positions[start : start + CHUNK_ROWS]
            arrays = [decode(relation.gather(i, rows)) for i in range(len(columns))]
            yield pa.RecordBatch.from_arrays([*arrays, pa.array(rows, pa.int64())], schema=schema)

    return layout_rows(stored, columns, batches())


def _of_live_rows(table: Table, positions: Positions) -> Positions:
    """The positions without those of deleted rows."""
    if not table.has_deletions:
        return positions
    return positions[table.live_mask()[positions]]


def row_order(snapshot: Snapshot, table: Table, order: RowOrder, execution: Execution) -> Positions:
    """Positions of the table's rows in order, deleted ones among them; shape (rows,)."""
    execution.reserve(SORT_BYTES * table.row_count, "the order of a table's rows")
    return sorted_rows(
        order, lambda column: column_values(snapshot, table, column, execution), table.row_count, execution
    )


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


def column_values(
    snapshot: Snapshot, table: Table, column: OrderColumn, execution: Execution, positions: Positions | None = None
) -> EncodedColumn:
    """The column's value for the rows at ``positions`` of the table, or for all; NULL where a row has no parent."""
    holder, rows = table, None
    for key in column.path:
        parent = snapshot.tables[key.table]
        found = _parents(holder, key, parent, execution)
        rows = found if rows is None else np.where(rows >= 0, found[np.maximum(rows, 0)], -1)
        holder = parent
    values = whole_table(holder, column_positions(holder.name, holder.column_names, [column.column]))
    if rows is None:
        return values.gather(0, positions)
    if positions is not None:
        rows = rows[positions]
    gathered = values.gather(0, np.maximum(rows, 0))
    return gathered if (rows >= 0).all() else without_rows(gathered, rows >= 0)


def _parents(child: Table, key: ForeignKey, parent: Table, execution: Execution) -> Positions:
    """Each row's position among the parent's rows; -1 where its key is NULL."""
    theirs = whole_table(parent, column_positions(parent.name, parent.column_names, key.parents))
    ours = whole_table(child, column_positions(child.name, child.column_names, key.columns))
    width = range(len(key.parents))
    index = index_rows([theirs.gather(i, None) for i in width], theirs.intervals, [False for _ in width], execution)
    execution.reserve(index.nbytes + 8 * child.row_count, f"the rows of table {parent.name!r} by key")
    ranks = index.ranks_of([ours.gather(i, None) for i in width], execution)
    if index.rows is None:
        return ranks
    return np.where(ranks >= 0, index.rows[np.maximum(ranks, 0)], -1)


def _batches(table: Table, relation: Relation, positions: Positions) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(positions), CHUNK_ROWS):
        rows = positions[start : start + CHUNK_ROWS]
        arrays = [decode(relation.gather(i, rows)) for i in range(len(table.columns))]
        yield pa.RecordBatch.from_arrays(arrays, schema=table.arrow_schema)
