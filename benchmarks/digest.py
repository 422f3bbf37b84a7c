"""A large answer in short, so that it can be compared without a Python value for each of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .model import AnswerRow

MANY_ROWS = 100_000
"""Answers of more rows are compared by their digests."""


@dataclass(frozen=True)
class ColumnDigest:
    """One column: its NULLs, least and greatest value, and the sum of numbers, or of the lengths of texts in bytes.

    Sums of integers and decimals are exact.
    """

    nulls: int
    least: Any
    greatest: Any
    total: Decimal | float | int | None


@dataclass(frozen=True)
class Digest:
    """An answer's rows in number, and its columns in order."""

    rows: int
    columns: tuple[ColumnDigest, ...]

    def __len__(self) -> int:
        return self.rows

    def as_rows(self) -> list[AnswerRow]:
        """One row a column, to be compared like an answer."""
        return [(column.nulls, column.least, column.greatest, column.total) for column in self.columns]


Brief = list[AnswerRow] | Digest
"""An answer as it is compared: its rows as Python values, or the digest of many."""


def brief(answer: pa.Table | list[AnswerRow]) -> Brief:
    """The rows of a small answer, the digest of a large one."""
    if isinstance(answer, pa.Table):
        if answer.num_rows > MANY_ROWS:
            return digest(answer)
        # Names of columns may repeat, so rows are made from the columns.
        return list(zip(*(column.to_pylist() for column in answer.columns), strict=True))
    return digest(_table(answer)) if len(answer) > MANY_ROWS else answer


def digest(table: pa.Table) -> Digest:
    """The digest of all rows."""
    return Digest(table.num_rows, tuple(_column(column) for column in table.columns))


def _column(column: pa.ChunkedArray) -> ColumnDigest:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.large_string())
    ends = pc.min_max(column).as_py() if column.null_count < len(column) else {"min": None, "max": None}
    return ColumnDigest(column.null_count, ends["min"], ends["max"], _total(column))


def _total(column: pa.ChunkedArray) -> Decimal | float | int | None:
    types, dtype = pa.types, column.type
    if types.is_integer(dtype):
        return pc.sum(column.cast(pa.decimal128(38))).as_py()
    if types.is_decimal(dtype) or types.is_floating(dtype):
        return pc.sum(column).as_py()
    return pc.sum(pc.binary_length(column)).as_py() if types.is_string(dtype) or types.is_large_string(dtype) else None


def _table(rows: Sequence[AnswerRow]) -> pa.Table:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column) for column in columns]
    return pa.Table.from_arrays(arrays, names=[str(place) for place in range(len(arrays))])
