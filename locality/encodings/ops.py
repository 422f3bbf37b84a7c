"""Operations over encoded columns of any encoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from locality import memory
from locality.encodings import bitmaps
from locality.encodings.arrow import to_dictionary, to_text
from locality.encodings.base import EncodingSpec, Positions
from locality.encodings.bitmaps import Mask
from locality.encodings.canonical import canonical
from locality.encodings.column import EncodedColumn
from locality.encodings.registry import ENCODINGS
from locality.types import DataType, Domain


def decode(column: EncodedColumn) -> pa.Array:
    """The values as ``types.to_arrow(column.type)`` (an ``opaque`` column: the Arrow array it holds)."""
    return ENCODINGS[column.encoding].decode(column)


def take(column: EncodedColumn, positions: Positions) -> EncodedColumn:
    """The rows at ``positions``, int64, each in [0, column.length)."""
    if len(positions) < memory.LEAST_BYTES // 16:
        return ENCODINGS[column.encoding].take(column, positions)
    memory.allow(int(len(positions) * stored_width(column)), "gathered values")
    return counted(ENCODINGS[column.encoding].take(column, positions))


def counted(column: EncodedColumn) -> EncodedColumn:
    """The column, after its arrays were counted as memory of the query; raises MemoryLimitError past the limit."""
    memory.hold((column.codes, column.validity, column.run_ends, column.offsets, column.data), "gathered values")
    return column


def integer_bounds(column: EncodedColumn) -> tuple[int, int] | None:
    """Bounds of the integers that a column holds, found by looking at all; None if they are not all of 64 bits."""
    if column.type.domain not in (Domain.INTEGER, Domain.WIDE) or column.encoding == "opaque":
        return None
    if column.all_null or column.length == 0:
        return 0, 0
    codes = expand(column).codes
    if codes is None or codes.ndim > 1 or codes.dtype == np.uint64:
        return None
    return int(codes.min()), int(codes.max())


def without_rows(column: EncodedColumn, keep: Mask) -> EncodedColumn:
    """The column with NULL in every row where ``keep``, shape (column.length,), is false."""
    flat = expand(column)
    if flat.nested is not None:
        rows = pa.array(np.arange(flat.length), mask=~keep)
        return canonical(flat.nested.take(rows), flat.type)
    valid = keep if flat.validity is None else keep & bitmaps.to_mask(flat.validity, flat.length)
    return replace(flat, validity=bitmaps.from_mask(valid))


def slice_column(column: EncodedColumn, start: int, stop: int) -> EncodedColumn:
    """Rows ``start`` to ``stop`` (0 <= start <= stop <= column.length), views where that can be done."""
    return ENCODINGS[column.encoding].slice(column, start, stop)


def stored_bytes(column: EncodedColumn) -> int:
    """Bytes of the column's arrays, without its dictionary's."""
    return ENCODINGS[column.encoding].stored_bytes(column)


def stored_width(column: EncodedColumn) -> float:
    """Bytes of the column's arrays a row."""
    return stored_bytes(column) / max(column.length, 1)


def expand(column: EncodedColumn) -> EncodedColumn:
    """The same values in canonical form: ``plain``, ``dictionary``, ``text`` or ``opaque``."""
    return counted(ENCODINGS[column.encoding].expand(column))


def recode(column: EncodedColumn, spec: EncodingSpec) -> EncodedColumn:
    """The same values as ``spec`` says; raises ValueError if one is outside what it can hold."""
    return ENCODINGS[spec.encoding].encode_canonical(expand(column), spec)


def concat(columns: Sequence[EncodedColumn]) -> EncodedColumn:
    """Columns of one type, at least one, end to end; their encodings, bases and dictionaries may differ.

    Equal parameters are kept; otherwise the result is canonical: strings are ``dictionary`` if all that are not
    NULL are.
    """
    if len(columns) == 1:
        return columns[0]
    columns = [column for column in columns if column.length] or [columns[0]]
    memory.allow(sum(map(stored_bytes, columns)), "values of several segments")
    return counted(_concat(columns))


def _concat(columns: list[EncodedColumn]) -> EncodedColumn:
    if len({column.encoding for column in columns}) == 1:
        joined = ENCODINGS[columns[0].encoding].concat(list(columns))
        if joined is not None:
            return joined
    expanded = [expand(column) for column in columns]
    if len({column.encoding for column in expanded}) > 1:
        known = {flat.encoding for flat, column in zip(expanded, columns, strict=True) if not column.all_null}
        common = to_dictionary if known == {"dictionary"} else to_text
        expanded = [common(column) for column in expanded]
    joined = ENCODINGS[expanded[0].encoding].concat(expanded)
    assert joined is not None, "canonical columns can always be joined"
    return joined


def from_arrow(array: pa.Array | pa.ChunkedArray, dtype: DataType) -> EncodedColumn:
    """The cheapest encoded form of an intermediate result or of literals: ``plain``, strings ``dictionary``."""
    column = canonical(array, dtype)
    return to_dictionary(column) if column.encoding == "text" else column
