"""Which rows of a table go and which come, given what the query of a statement found."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from locality.encodings import decode
from locality.errors import QueryError
from locality.operators.relations.tables import whole_table
from locality.plan import changes
from locality.storage.change import Change
from locality.storage.deletions import RowIds
from locality.storage.ingest.source import CHUNK_ROWS, Place, Source, StreamSource, ready
from locality.storage.table import Table
from locality.types import DataType

Batches = Iterable[pa.RecordBatch]


def changed_rows(statement: changes.Change, table: Table, columns: Sequence[pa.ChunkedArray]) -> Change:
    """What a statement does to a table; ``columns``: what its query found.

    Raises QueryError where a merge would change a row twice, or says that a row is an error.
    """
    match statement:
        case changes.Delete():
            return Change(table.name, _row_ids(columns[0]))
        case changes.Update(columns=targets):
            *values, ids = columns
            gone, first = np.unique(_row_ids(ids), return_index=True)
            taken = pa.array(first)
            news = dict(zip(targets, (value.take(taken) for value in values), strict=True))
            return Change(table.name, gone, _source(table, len(gone), [_updated(table, gone, news)]), len(gone))
        case changes.Insert():
            return Change(table.name, added=_source(table, len(columns[0]), [_inserted(table, columns)]))
        case changes.Merge():
            return _merged(statement, table, columns)


def rows_of_duckdb(table: Table, rows: pa.Table) -> Source:
    """New rows of a table that DuckDB made, nested columns in the Arrow types that they are stored in."""
    for index, column in enumerate(table.columns):
        if column.arrow is not None:
            rows = rows.set_column(index, column.name, rows.column(index).cast(column.arrow))
    return StreamSource(rows.to_reader(), _PLACE, ready, rows.num_rows, _types(table))


def _merged(statement: changes.Merge, table: Table, columns: Sequence[pa.ChunkedArray]) -> Change:
    """What the actions of a merge come to."""
    numbers = np.asarray(columns[0].to_numpy(), dtype=np.int64)
    gone: list[RowIds] = []
    added: list[Batches] = []
    inserted = updated = 0
    for number, action in enumerate(statement.actions):
        chosen = numbers == number
        if not chosen.any():
            continue
        if action.kind == "error":
            raise QueryError("a row met a WHEN clause of MERGE that says ERROR; nothing was changed")
        mask = pa.array(chosen)
        values = [columns[place].filter(mask) for place in action.values]
        if action.kind == "insert":
            inserted += len(values[0])
            added.append(_inserted(table, values))
        elif action.kind in ("update", "delete"):
            ids = _row_ids(columns[1].filter(mask))
            gone.append(ids)
            if action.kind == "update":
                updated += len(ids)
                added.append(_updated(table, ids, dict(zip(action.columns, values, strict=True))))
    rows = np.concatenate(gone) if gone else np.empty(0, np.int64)
    if len(np.unique(rows)) < len(rows):
        raise QueryError("MERGE INTO would change a row more than once: several rows of its source match it")
    return Change(table.name, rows, _source(table, inserted + updated, added), updated)


def _row_ids(column: pa.ChunkedArray) -> RowIds:
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _updated(table: Table, rows: RowIds, news: Mapping[int, pa.ChunkedArray]) -> Iterator[pa.RecordBatch]:
    """Rows of a table with other values in some columns; the others are gathered some rows at a time."""
    kept = [index for index in range(len(table.columns)) if index not in news]
    relation = whole_table(table, kept)
    for start in range(0, len(rows), CHUNK_ROWS):
        part = rows[start : start + CHUNK_ROWS]
        values = {index: values.slice(start, CHUNK_ROWS).combine_chunks() for index, values in news.items()}
        values |= {index: decode(relation.gather(i, part)) for i, index in enumerate(kept)}
        yield _batch(table, [values[index] for index in range(len(table.columns))])


def _inserted(table: Table, values: Sequence[pa.ChunkedArray]) -> Iterator[pa.RecordBatch]:
    """New rows of a table, from the values of its columns in order."""
    for start in range(0, len(values[0]), CHUNK_ROWS):
        yield _batch(table, [value.slice(start, CHUNK_ROWS).combine_chunks() for value in values])


def _batch(table: Table, arrays: Sequence[pa.Array]) -> pa.RecordBatch:
    schema = _schema(table)
    return pa.RecordBatch.from_arrays(
        [a.cast(field.type) for a, field in zip(arrays, schema, strict=True)], schema=schema
    )


def _source(table: Table, rows: int, parts: Sequence[Batches]) -> Source | None:
    """New rows of a table; None if there are none."""
    if not rows:
        return None
    reader = pa.RecordBatchReader.from_batches(_schema(table), itertools.chain.from_iterable(parts))
    return StreamSource(reader, _PLACE, ready, rows, _types(table))


def _schema(table: Table) -> pa.Schema:
    """The columns of new rows, which may have NULLs where stored ones have none."""
    return pa.schema([(column.name, column.arrow_type) for column in table.columns])


def _types(table: Table) -> dict[str, DataType]:
    return {column.name: column.type for column in table.columns}


_PLACE = Place("the new rows")
