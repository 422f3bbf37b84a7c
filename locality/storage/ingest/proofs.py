"""Proofs that a key holds, and the first counterexample where it does not.

Order and statistics settle most keys, a bit for each possible value or hashes of strings most others; DuckDB the rest.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality.encodings import EncodedColumn, bitmaps, concat, expand, slice_column
from locality.errors import KeyViolation, StoreFullError
from locality.kernel.loader import primitive
from locality.storage.catalog import column_positions, listed
from locality.storage.table import ForeignKey, Table
from locality.types import Domain

Mixed = npt.NDArray[np.int64]
#: The least value and the number of possible values of each column.
Spans = list[tuple[int, int]]

_ALL = slice(None)
_BITMAP_LIMIT = 1 << 28
_BITMAP_ROWS = 16
#: Raw strings up to which they are compared: a fraction of a second, beside seconds for writing them.
_MOST_STRINGS = 1 << 21
_MEMORY = "512MB"
_SPILL = "spill"


def check_unique(table: Table, columns: Sequence[str], kind: str, scratch: Path, since: int = 0) -> None:
    """Raise KeyViolation unless ``columns`` have no NULL, and no two rows are equal in all of them.

    kind: what is checked, for the message, such as "primary key"; scratch: a directory for temporary files.
    since: the first segment whose rows are new; it is known of the others.
    """
    indices = column_positions(table.name, table.column_names, columns)
    for index in indices:
        if table.statistics(index).null_count and (row := _first_null(table, index)) is not None:
            raise KeyViolation(
                f"{kind} {listed(columns)} of {table.name!r}: {table.columns[index].name!r} is NULL at row {row}"
            )
    if _certainly_unique(table, indices, since):
        return
    with _database(scratch) as connection:
        connection.register("child", _numbered(table, indices))
        names = ", ".join(f"c{i}" for i in range(len(indices)))
        repeated = f"from child group by {names} having count(*) > 1"
        if not connection.execute(f"select 1 {repeated} limit 1").fetchall():
            return
        connection.register("child", _numbered(table, indices))
        found = connection.execute(
            f"select {names}, min(r, 2) as places {repeated} order by places[2] limit 1"
        ).fetchone()
    assert found is not None
    *values, (first, second) = found
    raise KeyViolation(
        f"{kind} {listed(columns)} of {table.name!r} is not unique: {listed(map(_shown, values))} "
        f"is at rows {first} and {second} (counted from 0)"
    )


def check_references(table: Table, key: ForeignKey, parent: Table, scratch: Path, since: int = 0) -> None:
    """Raise KeyViolation unless each row's key (where it has no NULL) is that of a row of ``parent``.

    scratch, since: as for :func:`check_unique`.
    """
    ours = column_positions(table.name, table.column_names, key.columns)
    theirs = column_positions(parent.name, parent.column_names, key.parents)
    if _certainly_within(table, ours, parent, theirs, since):
        return
    with _database(scratch) as connection:
        connection.register("child", _numbered(table, ours))
        connection.register("parents", _numbered(parent, theirs))
        names = ", ".join(f"child.c{i}" for i in range(len(ours)))
        equal = " and ".join(f"child.c{i} = parents.c{i}" for i in range(len(ours)))
        present = " and ".join(f"child.c{i} is not null" for i in range(len(ours)))
        found = connection.execute(
            f"select {names}, child.r from child anti join parents on {equal} where {present} order by child.r limit 1"
        ).fetchone()
    if found is not None:
        *values, row = found
        raise KeyViolation(
            f"foreign key {listed(key.columns)} of {table.name!r}: {listed(map(_shown, values))} at row {row} "
            f"(counted from 0) is not in {listed(key.parents)} of {parent.name!r}"
        )


def unique_columns(table: Table, among: Sequence[str] | None = None, since: int = 0) -> tuple[str, ...]:
    """The columns that certainly hold no NULL and no value twice, as far as that is cheap to tell.

    among: the columns that may; default all. since: the first segment with rows of which that is not known.
    """
    return tuple(
        column.name
        for index, column in enumerate(table.columns)
        if (among is None or column.name in among)
        and not table.statistics(index).null_count
        and table.live_count
        and _certainly_unique(table, [index], since)
    )


def _certainly_unique(table: Table, indices: list[int], since: int) -> bool:
    """Whether columns without NULLs are proven unique together: by order, count, or a bit for each possible key.

    Statistics are of deleted rows, too: what they prove of all rows is true of those that are left.
    """
    statistics = [table.statistics(index) for index in indices]
    if any(column.sorted == "strictly ascending" for column in statistics):
        return True
    if any(column.distinct_exact and column.distinct_estimate == column.rows for column in statistics):
        return True
    if len(indices) == 1 and statistics[0].distinct_estimate < 0.8 * table.live_count:
        return False
    if len(indices) == 1 and table.is_raw(indices[0]):
        return not since and _all_differ(table, indices[0])
    spans = spans_of(table, indices)
    if since:
        return spans is not None and _adds_no_known_key(table, indices, spans, since)
    if spans is None or not _fit_bits(table, spans):
        return False
    seen = np.zeros(prod(span for _, span in spans), dtype=np.bool_)
    for mixed, _ in mixed_keys(table, indices, spans):
        seen[mixed] = True
    return int(np.count_nonzero(seen)) == table.live_count


def _all_differ(table: Table, index: int) -> bool:
    """Whether the strings of a raw column, none of them NULL, are few enough to be compared, and all different."""
    columns = [segment.column(index) for segment in table.segments]
    if table.row_count > _MOST_STRINGS or any(column.encoding != "text" for column in columns):
        return False
    strings = concat(columns)
    assert strings.data is not None and strings.offsets is not None
    slots = np.zeros(1 << (2 * strings.length).bit_length(), np.int64)
    first_rows = np.empty(strings.length, np.int64)
    data = strings.data if len(strings.data) else np.zeros(1, np.uint8)
    return int(primitive("enter_texts")(data, strings.offsets, slots, first_rows)) == strings.length


def _adds_no_known_key(table: Table, indices: list[int], spans: Spans, since: int) -> bool:
    """Whether the rows from segment ``since`` on have keys that no other row has."""
    parts = [mixed for mixed, _ in mixed_keys(table, indices, spans, slice(since, None))]
    new = np.unique(np.concatenate(parts)) if parts else np.empty(0, np.int64)
    if len(new) < sum(map(len, parts)):
        return False
    if not len(new):
        return True
    for mixed, _ in mixed_keys(table, indices, spans, slice(0, since)):
        near = mixed[(mixed >= new[0]) & (mixed <= new[-1])]
        if np.isin(near, new).any():
            return False
    return True


def _certainly_within(table: Table, ours: list[int], parent: Table, theirs: list[int], since: int) -> bool:
    """Whether all keys of ``table`` are proven to be keys of ``parent``."""
    spans = spans_of(parent, theirs)
    if (
        spans is None
        or not _fit_bits(parent, spans)
        or any(table.columns[index].type.domain is not Domain.INTEGER for index in ours)
    ):
        return False
    for index, (base, span) in zip(ours, spans, strict=True):
        statistics = table.statistics(index)
        if not isinstance(statistics.minimum, int) or not isinstance(statistics.maximum, int):
            return True  # nothing but NULLs
        if not (base <= statistics.minimum and statistics.maximum < base + span):
            return False
    present = np.zeros(prod(span for _, span in spans), dtype=np.bool_)
    for mixed, valid in mixed_keys(parent, theirs, spans):
        present[mixed[valid]] = True
    new = mixed_keys(table, ours, spans, slice(since, None))
    return all(bool(present[mixed[valid]].all()) for mixed, valid in new)


def spans_of(table: Table, indices: list[int]) -> Spans | None:
    """The least and the number of possible values of INTEGER columns, if all combinations have numbers of 64 bits."""
    spans, combinations = [], 1
    for index in indices:
        statistics = table.statistics(index)
        least, greatest = statistics.minimum, statistics.maximum
        if table.columns[index].type.domain is not Domain.INTEGER:
            return None
        if not isinstance(least, int) or not isinstance(greatest, int):
            return None
        if not -(2**63) <= least <= greatest < 2**63:
            return None  # 128-bit values are not a code each
        span = greatest - least + 1
        spans.append((least, span))
        combinations *= span
    return spans if combinations < 2**63 else None


def _fit_bits(table: Table, spans: Spans) -> bool:
    """Whether the combinations are few enough for a bit each."""
    return prod(span for _, span in spans) <= min(_BITMAP_LIMIT, _BITMAP_ROWS * table.row_count + (1 << 16))


def mixed_keys(
    table: Table, indices: list[int], spans: Spans, segments: slice = _ALL
) -> Iterator[tuple[Mixed, npt.NDArray[np.bool_]]]:
    """For each zone: one number a row for its combination of values, and whether none of them is NULL.

    Deleted rows are left out.
    """
    for segment, deletions in zip(table.segments[segments], table.deletions[segments], strict=True):
        live = None if deletions is None else deletions.mask()
        columns = [segment.column(index) for index in indices]
        for start in range(0, segment.row_count, segment.zone_rows):
            stop = min(start + segment.zone_rows, segment.row_count)
            mixed, valid = mix([slice_column(column, start, stop) for column in columns], spans)
            yield (mixed, valid) if live is None else (mixed[live[start:stop]], valid[live[start:stop]])


def mix(columns: Sequence[EncodedColumn], spans: Spans) -> tuple[Mixed, npt.NDArray[np.bool_]]:
    """One number a row for its combination of values, and whether none of them is NULL."""
    rows = columns[0].length
    mixed, valid = np.zeros(rows, dtype=np.int64), np.ones(rows, dtype=np.bool_)
    for column, (base, span) in zip(columns, spans, strict=True):
        plain = expand(column)
        assert plain.codes is not None
        if plain.validity is not None:
            valid &= bitmaps.to_mask(plain.validity, plain.length)
        mixed = mixed * span + (plain.codes.astype(np.int64) - base)
    return mixed, valid


def _first_null(table: Table, index: int) -> int | None:
    """The first row, counted without deleted ones, that has NULL; None if there is none."""
    row = 0
    for batch in table.to_batches([index]):
        if batch.column(0).null_count:
            return row + int(np.argmax(np.asarray(batch.column(0).is_null())))
        row += batch.num_rows
    return None


def _numbered(table: Table, indices: list[int]) -> pa.RecordBatchReader:
    """Columns ``c0``, ``c1``, ... and the row numbers ``r`` of a table."""
    schema = pa.schema(
        [*(pa.field(f"c{i}", table.columns[index].arrow_type) for i, index in enumerate(indices)), ("r", pa.int64())]
    )

    def batches() -> Iterable[pa.RecordBatch]:
        row = 0
        for batch in table.to_batches(indices):
            numbers = pa.array(np.arange(row, row + batch.num_rows))
            yield pa.record_batch([*batch.columns, numbers], schema=schema)
            row += batch.num_rows

    return pa.RecordBatchReader.from_batches(schema, batches())


@contextlib.contextmanager
def _database(scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A private database that spills to ``scratch`` rather than use much memory, or raises StoreFullError."""
    with duckdb.connect(config={"memory_limit": _MEMORY, "temp_directory": str(scratch / _SPILL)}) as connection:
        try:
            yield connection
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise StoreFullError(f"keys can't be checked with the space left in {scratch}: {error}") from error


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str | bytes) else str(value)
