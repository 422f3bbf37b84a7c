"""The columns of a table that is ingested, and how the rows of a source become rows of a table that is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from locality import nested, types
from locality.encodings.canonical import is_fixed
from locality.errors import SchemaError
from locality.storage.catalog import check_columns, fold
from locality.storage.table import ColumnInfo
from locality.types import HUGEINT, DataType


@dataclass(frozen=True)
class Target:
    """Where a source's columns go.

    columns: the table's columns, in order.
    positions: for each of them, the position of the source's column.
    casts: for each of them, the Arrow type to which it is cast first, or None.
    looked_up: those, by position, of which segments list the blocks, see :mod:`locality.storage.lookups`.
    """

    columns: tuple[ColumnInfo, ...]
    positions: tuple[int, ...]
    casts: tuple[pa.DataType | None, ...]
    looked_up: frozenset[int] = frozenset()

    def arrays(self, piece: pa.Table) -> list[pa.ChunkedArray]:
        """The piece's columns as the table's; raises SchemaError for a value that does not fit."""
        return [self._array(piece, index) for index in range(len(self.columns))]

    def _array(self, piece: pa.Table, index: int) -> pa.ChunkedArray:
        array = piece.column(self.positions[index])
        if pa.types.is_run_end_encoded(array.type):
            import pyarrow.compute as pc  # which takes long to import

            array = pc.run_end_decode(array)
        target = self.casts[index]
        if target is None:
            return array
        try:
            return array.cast(target)
        except pa.ArrowInvalid as error:
            column = self.columns[index]
            raise SchemaError(f"column {column.name!r}: a value does not fit {column.type}: {error}") from None


def new_table(table: str, schema: pa.Schema, known: Mapping[str, DataType]) -> Target:
    """The target of a source whose columns become those of a new table; raises SchemaError for impossible ones.

    known: the types of columns, by name, that Arrow's types do not tell.
    """
    check_columns(table, schema.names)
    columns = []
    for field in schema:
        try:
            dtype = known.get(field.name) or types.from_arrow(field.type)
            columns.append(ColumnInfo(field.name, dtype, field.nullable, _kept_arrow_type(dtype, field.type)))
        except SchemaError as error:
            raise SchemaError(f"column {field.name!r} of table {table!r}: {error}") from None
    count = len(columns)
    return Target(tuple(columns), tuple(range(count)), (None,) * count)


def existing_table(
    table: str, columns: Sequence[ColumnInfo], schema: pa.Schema, known: Mapping[str, DataType]
) -> Target:
    """The target of a source whose columns are matched to a table's by name, and widened where nothing can be lost.

    known: as for :func:`new_table`.

    Raises SchemaError naming the first column that is missing, is one too many, or has another type.
    """
    check_columns(table, schema.names)
    positions = {fold(name): index for index, name in enumerate(schema.names)}
    present = {fold(column.name) for column in columns}
    for name in schema.names:
        if fold(name) not in present:
            raise SchemaError(f"the source has a column {name!r}, but table {table!r} has none of that name")
    found, casts = [], []
    for column in columns:
        if fold(column.name) not in positions:
            raise SchemaError(f"the source lacks the column {column.name!r} of table {table!r}")
        field = schema.field(positions[fold(column.name)])
        casts.append(_cast(table, column, field.type, known.get(field.name)))
        found.append(positions[fold(column.name)])
    return Target(tuple(columns), tuple(found), tuple(casts))


def _kept_arrow_type(dtype: DataType, arrow: pa.DataType) -> pa.DataType | None:
    """The Arrow type in which values are stored that have none of ours; raises SchemaError if nothing can read it."""
    if is_fixed(dtype):
        return None
    plain = arrow.value_type if pa.types.is_run_end_encoded(arrow) else arrow
    with duckdb.connect() as reader:
        try:
            reader.from_arrow(pa.RecordBatchReader.from_batches(pa.schema([("values", plain)]), [])).fetchall()
        except duckdb.Error as error:
            raise SchemaError(f"values of type {plain} can't be kept, since DuckDB can't read them: {error}") from None
    name = nested.name_of_arrow(plain)
    if name is None or nested.arrow_type(name) is None or _is_unreadable(plain):
        raise SchemaError(f"values of type {plain} can't be kept; cast them to another type")
    return plain


def _is_unreadable(arrow: pa.DataType) -> bool:
    """Whether values hold views of lists, which pyarrow can't join, durations, or structs without fields."""
    tests = (pa.types.is_list_view, pa.types.is_large_list_view, pa.types.is_duration)
    fields = [arrow.field(place).type for place in range(arrow.num_fields)]
    is_empty = pa.types.is_struct(arrow) and not fields
    return is_empty or any(test(arrow) for test in tests) or any(map(_is_unreadable, fields))


def _cast(table: str, column: ColumnInfo, arrow: pa.DataType, known: DataType | None) -> pa.DataType | None:
    dtype = known or types.from_arrow(arrow)
    if dtype == column.type or (pa.types.is_null(arrow) and column.arrow is None):
        return None
    if _widens(dtype, column.type):
        return column.arrow_type
    raise SchemaError(
        f"column {column.name!r} of table {table!r} is {column.type}; the source's {dtype} does not fit it"
    )


def _widens(source: DataType, target: DataType) -> bool:
    """Whether every value of ``source`` is one of ``target``."""
    if source.is_integral and target.is_integral:
        return source.bounds[0] >= target.bounds[0] and source.bounds[1] <= target.bounds[1]
    if target.is_decimal and (source.is_decimal or source.is_integral):
        scale = source.scale
        digits = source.width - scale if source.is_decimal else len(str(source.bounds[1]))
        return scale <= target.scale and digits <= target.width - target.scale
    return (source.is_integral and target == HUGEINT) or (source.name, target.name) == ("FLOAT", "DOUBLE")
