"""``constant``: one value for all rows that are not NULL, or nothing but NULLs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from locality.encodings import bitmaps
from locality.encodings.base import BlockContext, Encoding, EncodingSpec, Positions
from locality.encodings.canonical import all_null, plain_dtype
from locality.encodings.column import AnyArray, EncodedColumn
from locality.encodings.dictionary import dictionary_codes
from locality.kernel import ir
from locality.types import Domain


class Constant(Encoding):
    """INTEGER: ``base``. FLOAT: ``value``, bit for bit. STRING: ``value``, and a dictionary of one entry (code 0).

    The spec of a column of NULLs has neither a dictionary nor a value: ``all_null`` is set where every row is NULL.
    """

    name = "constant"

    def encode_canonical(self, column: EncodedColumn, spec: EncodingSpec) -> EncodedColumn:
        if bitmaps.null_count(column.validity, column.length) == column.length:
            return EncodedColumn(spec.type, self.name, column.length, all_null=True)
        constant = EncodedColumn(spec.type, self.name, column.length, validity=column.validity)
        match spec.type.domain:
            case Domain.INTEGER:
                _require_none(_differs_from_integer(column, spec.base), column)
                return replace(constant, base=spec.base)
            case Domain.FLOAT if spec.value is not None:
                _require_none(_differs_from_float(column, spec.value), column)
                return replace(constant, value=spec.value)
            case Domain.STRING if spec.dictionary is not None and len(spec.dictionary) == 1:
                dictionary_codes(column, spec.dictionary)
                return replace(constant, value=spec.dictionary.values[0].as_py(), dictionary=spec.dictionary)
            case _:
                raise ValueError(f"values in a column of {spec.type} that was chosen as nothing but NULLs")

    def expand(self, column: EncodedColumn) -> EncodedColumn:
        if column.all_null:
            return all_null(column.type, column.length)
        if column.type.domain is Domain.STRING:
            codes: AnyArray = np.zeros(column.length, dtype=np.uint8)
            return replace(column, encoding="dictionary", codes=codes, value=None)
        value = column.base if column.type.domain is Domain.INTEGER else column.value
        codes = np.full(column.length, value, dtype=plain_dtype(column.type))
        return EncodedColumn(column.type, "plain", column.length, codes=codes, validity=column.validity)

    def take(self, column: EncodedColumn, positions: Positions) -> EncodedColumn:
        return replace(column, length=len(positions), validity=bitmaps.take(column.validity, positions))

    def slice(self, column: EncodedColumn, start: int, stop: int) -> EncodedColumn:
        validity = None if column.validity is None else bitmaps.slice_bits(column.validity, start, stop)
        return replace(column, length=stop - start, validity=validity)

    def concat(self, columns: list[EncodedColumn]) -> EncodedColumn | None:
        valued = [column for column in columns if not column.all_null]
        length = sum(column.length for column in columns)
        if not valued:
            return replace(columns[0], length=length)
        if any(not _same_value(valued[0], column) for column in valued[1:]):
            return None
        nulls = [np.zeros((c.length + 7) // 8, dtype=np.uint8) if c.all_null else c.validity for c in columns]
        validity = bitmaps.concat([(part, column.length) for part, column in zip(nulls, columns, strict=True)])
        return replace(valued[0], length=length, validity=validity)

    def emit_codes(self, context: BlockContext) -> Callable[[ir.Expr], ir.Expr]:
        """The code is 0 (the base carries the value); a FLOAT's code is its value, a parameter of the segment."""
        code = context.scalar("value", context.codes) if context.codes.is_float else ir.Const(0, context.codes)
        return lambda row: code


def _same_value(left: EncodedColumn, right: EncodedColumn) -> bool:
    if isinstance(left.value, float) and isinstance(right.value, float):
        return np.float64(left.value).tobytes() == np.float64(right.value).tobytes()
    return (left.base, left.value) == (right.base, right.value)


def _differs_from_integer(column: EncodedColumn, value: int) -> AnyArray:
    """Where plain integers are not ``value``, as a mask; the same everywhere if they are 128 bits wide."""
    assert column.codes is not None
    return column.codes != value if column.codes.ndim == 1 else np.ones(column.length, dtype=np.bool_)


def _differs_from_float(column: EncodedColumn, value: float) -> AnyArray:
    """Where floats are not ``value`` bit for bit, as a mask."""
    assert column.codes is not None
    bits = column.codes.view(f"uint{8 * column.codes.itemsize}")
    return bits != column.codes.dtype.type(value).view(bits.dtype)


def _require_none(different: AnyArray, column: EncodedColumn) -> None:
    if column.validity is not None:
        different = different & bitmaps.to_mask(column.validity, column.length)
    if different.any():
        raise ValueError("a value differs from the one that was chosen as the column's constant")
