"""A result as an Arrow table: columns in chunks of rows, gathered and decoded side by side."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pyarrow as pa

from locality.encodings import EncodedColumn, decode, slice_column, take
from locality.operators.aggregation.output import GroupsSegment
from locality.operators.physical import Execution
from locality.operators.relations.batch import Batch, Deferred

#: Rows from which on columns are decoded side by side, and rows of a chunk at most.
_PARALLEL_ROWS = 32_768
_CHUNK_ROWS = 262_144

#: Some of a column's rows.
_Read = Callable[[slice], EncodedColumn]


def to_table(batch: Batch, schema: pa.Schema, execution: Execution) -> pa.Table:
    """The batch's columns in the types of ``schema``; of many rows in several chunks."""
    rows = batch.row_count
    if rows < _PARALLEL_ROWS:
        arrays = [_decoded(batch.column(i), field.type) for i, field in enumerate(schema)]
        known = sum([rows * column.type.row_bytes for column in batch.columns])
        execution.reserve(max(sum([array.nbytes for array in arrays]) - known, 0), "the result")
        return pa.Table.from_arrays(arrays, schema=schema)
    reads: dict[int, _Read] = {}
    chunks: dict[tuple[int, int], pa.Array] = {}

    def prepare(worker: int, index: int) -> None:
        reads[index] = _reader(batch.columns[index])

    def read(worker: int, place: tuple[int, int]) -> None:
        index, start = place
        column = reads[index](slice(start, min(start + _CHUNK_ROWS, rows)))
        array = chunks[place] = _decoded(column, schema.field(index).type)
        execution.reserve(max(array.nbytes - len(array) * column.type.row_bytes, 0), "the result")

    execution.run(range(len(schema)), prepare)
    starts = range(0, rows, _CHUNK_ROWS)
    execution.run([(index, start) for index in range(len(schema)) for start in starts], read)
    columns = [pa.chunked_array([chunks[index, start] for start in starts]) for index in range(len(schema))]
    return pa.Table.from_arrays(columns, schema=schema)


def _decoded(column: EncodedColumn, wanted: pa.DataType) -> pa.Array:
    array = decode(column)
    if pa.types.is_null(wanted):
        array = pa.nulls(len(array))
    return array if array.type == wanted else array.cast(wanted)


def _reader(column: EncodedColumn | Deferred) -> _Read:
    """What reads a column part by part, after what has to be done once for all parts."""
    if not isinstance(column, Deferred):
        return partial(_sliced, column)
    relation, positions = column.relation, column.positions
    if positions is None:
        match relation.segments:
            case (GroupsSegment() as groups,):
                return partial(groups.part, column.index)
            case _:
                return partial(_sliced, column.gather())
    if column.outer:
        return partial(_sliced, column.gather())
    if len(relation.segments) == 1:
        segment = relation.segments[0]
        return lambda rows: segment.take(column.index, positions[rows])
    if relation.comes_together(positions):
        whole = relation.gather(column.index, None)
        return lambda rows: take(whole, positions[rows])
    return partial(_sliced, column.gather())


def _sliced(column: EncodedColumn, rows: slice) -> EncodedColumn:
    return slice_column(column, rows.start, rows.stop)
