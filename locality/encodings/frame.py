"""``frame``: small unsigned distances from one base, the column's least value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from locality.encodings import bitmaps
from locality.encodings.arrow import plain_to_arrow
from locality.encodings.base import EncodingSpec
from locality.encodings.canonical import code_dtype, plain_dtype
from locality.encodings.coded import RowCoded, codes_of
from locality.encodings.column import AnyArray, EncodedColumn

_WRAP = 2**64


class Frame(RowCoded):
    """INTEGER values as ``base + factor * code``; all values and the base fit int64, codes fit ``spec.code``."""

    name = "frame"

    def encode_canonical(self, column: EncodedColumn, spec: EncodingSpec) -> EncodedColumn:
        codes = integer_codes(column, spec)
        return EncodedColumn(
            spec.type,
            self.name,
            column.length,
            codes=codes,
            validity=column.validity,
            base=spec.base,
            factor=spec.factor,
        )

    def expand(self, column: EncodedColumn) -> EncodedColumn:
        values = integer_values(codes_of(column), column.base, column.factor)
        plain = values.astype(plain_dtype(column.type), copy=False)
        return EncodedColumn(column.type, "plain", column.length, codes=plain, validity=column.validity)

    def decode(self, column: EncodedColumn) -> pa.Array:
        values = integer_values(codes_of(column), column.base, column.factor)
        return plain_to_arrow(values, column.validity, column.type)

    def concat(self, columns: list[EncodedColumn]) -> EncodedColumn | None:
        if len({(column.base, column.factor) for column in columns}) > 1:
            return None
        codes = np.concatenate([codes_of(column) for column in columns])
        return columns[0].recoded(codes, bitmaps.concat([(column.validity, column.length) for column in columns]))


def integer_values(codes: AnyArray, base: int, factor: int) -> AnyArray:
    """``base + factor * code`` as int64; arithmetic modulo 2**64, right wherever the values fit."""
    values: AnyArray = codes.astype(np.uint64)
    if factor != 1:
        values *= factor
    if base:
        values += base % _WRAP
    return values.view(np.int64)


def integer_codes(column: EncodedColumn, spec: EncodingSpec) -> AnyArray:
    """The codes ``(value - base) / factor`` of plain integers, 0 under NULL; raises ValueError if one does not fit."""
    values = codes_of(column)
    if values.ndim == 2:
        raise ValueError("128-bit values in a column whose values were said to fit 64 bits")
    if column.validity is not None:
        values = np.where(bitmaps.to_mask(column.validity, column.length), values, values.dtype.type(spec.base))
    if not len(values):
        return np.zeros(0, dtype=spec.code)
    least, greatest = int(values.min()), int(values.max())
    limit = spec.base + spec.factor * int(np.iinfo(spec.code).max)
    if least < spec.base or greatest > limit:
        raise ValueError(f"values {least} to {greatest} outside {spec.base} to {limit}, chosen for their column")
    if spec.factor == 1:
        return distances(values, spec.base, np.dtype(spec.code))
    # Divided in the narrowest dtype; numpy vectorises this, and not divmod.
    apart = distances(values, spec.base, code_dtype(max(greatest - spec.base, spec.factor)))
    factor = apart.dtype.type(spec.factor)
    codes = apart // factor
    if not np.array_equal(codes * factor, apart):
        raise ValueError(f"a value is not {spec.base} plus a multiple of {spec.factor}")
    return codes.astype(spec.code)


def distances(values: AnyArray, base: int, code: np.dtype[Any]) -> AnyArray:
    """``values - base`` for integers and an unsigned dtype that holds every one of these differences."""
    # Modulo 2**bits the difference of the low bits is the difference itself: nothing wide is computed.
    narrow: AnyArray = values.astype(code)
    if base:
        narrow -= code.type(base % 2 ** (8 * code.itemsize))
    return narrow
