"""Columns as fields of a sort key: unsigned integers that order as SQL orders the values, NULL included.

Codes of every encoding but raw text ascend with the values, so they are sorted as they lie, without decoding. Raw text
is eight bytes a field, of which those that are not needed to tell rows apart are never read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.encodings.bitmaps import Mask, to_mask
from locality.encodings.rle import without_runs
from locality.errors import Unsupported
from locality.kernel.loader import primitive
from locality.operators.relations.bytekeys import interval_parts
from locality.storage.zones import ordered_keys

Words = npt.NDArray[np.uint64]
Rows = slice | npt.NDArray[np.int64]
Read = Callable[[Rows], Words]

_SIGN = np.uint64(2**63)
_ALL = 2**64 - 1


@dataclass(frozen=True, eq=False)
class Field:
    """Digits below ``2 ** bits``, shape of the rows given; ``read`` makes an array of its own."""

    bits: int
    read: Read


def fields_of(column: EncodedColumn, descending: bool = False, nulls_first: bool = False) -> list[Field]:
    """Fields, the most significant first, that order rows as SQL orders the column; none if all rows are equal.

    Raises Unsupported for types without an order of their own.
    """
    flat = without_runs(column) if column.encoding == "rle" else column
    valid = None if flat.validity is None else to_mask(flat.validity, flat.length)
    match flat.encoding:
        case "constant":
            fields = []
        case "text":
            fields = _text_fields(flat)
        case _:
            fields = _value_fields(flat)
    if descending:
        fields = [_reversed(field) for field in fields]
    if valid is not None:
        fields = _with_nulls(fields, valid, nulls_first)
    return [field for field in fields if field.bits]


def _reversed(field: Field) -> Field:
    greatest = np.uint64(2**field.bits - 1)
    return replace(field, read=lambda rows: greatest - field.read(rows))


def _with_nulls(fields: Sequence[Field], valid: Mask, nulls_first: bool) -> list[Field]:
    """The fields of values, 0 under NULL, after a bit that puts NULLs first or last."""
    null = np.uint64(not nulls_first)

    def masked(field: Field) -> Field:
        return replace(field, read=lambda rows: np.where(valid[rows], field.read(rows), np.uint64(0)))

    ends = Field(1, lambda rows: valid[rows].astype(np.uint64) ^ null)
    return [ends, *(masked(field) for field in fields)]


def _value_fields(column: EncodedColumn) -> list[Field]:
    if column.type.name == "INTERVAL" and column.length:
        return [_integer_field(part) for part in interval_parts(column)]
    codes = column.codes
    if codes is None:
        raise Unsupported(f"ORDER BY a column of {column.type}")
    if len(codes) == 0:
        return []
    if codes.ndim == 2:
        return [_integer_field(codes[:, 1]), _integer_field(codes[:, 0].view(np.uint64))]
    return [_float_field(codes) if codes.dtype.kind == "f" else _integer_field(codes)]


def _integer_field(codes: npt.NDArray[Any]) -> Field:
    low, high = int(codes.min()), int(codes.max())
    base = np.uint64(low & _ALL)
    signed = codes.dtype.kind == "i"

    def read(rows: Rows) -> Words:
        digits: Words = codes[rows].astype(np.int64).view(np.uint64) if signed else codes[rows].astype(np.uint64)
        digits -= base
        return digits

    return Field((high - low).bit_length(), read)


def _float_field(values: npt.NDArray[np.floating[Any]]) -> Field:
    ends = ordered_keys(np.array([values.min(), values.max()]))
    if np.isnan(ends.view(np.float64)).any() or np.isnan(values.max()):
        low, high = -(2**63), 2**63 - 1
    else:
        low, high = int(ends[0]), int(ends[1])
    base = np.uint64(low & _ALL)

    def read(rows: Rows) -> Words:
        digits = ordered_keys(values[rows]).view(np.uint64)
        digits -= base
        return digits

    return Field((high - low).bit_length(), read)


def _text_fields(column: EncodedColumn) -> list[Field]:
    """Eight bytes a field, zeros behind a string's end; last its length, which tells such zeros from its own."""
    offsets, data = column.offsets, column.data
    assert offsets is not None
    assert data is not None
    longest = int(np.diff(offsets).max(initial=0))

    def chunk(at: int) -> Read:
        def read(rows: Rows) -> Words:
            positions = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
            words = np.empty(len(positions), np.uint64)
            primitive("text_words")(data, offsets, positions, at, words)
            return words

        return read

    def length(rows: Rows) -> Words:
        if isinstance(rows, slice):
            return np.diff(offsets[rows.start : rows.stop + 1]).astype(np.uint64)
        return (offsets[rows + 1] - offsets[rows]).astype(np.uint64)

    return [*(Field(64, chunk(at)) for at in range(0, longest, 8)), Field(longest.bit_length(), length)]
