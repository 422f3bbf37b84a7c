"""``plain``: the values themselves, in the narrow dtype of their type; 128-bit values as two int64 limbs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from locality.encodings import bitmaps
from locality.encodings.arrow import widen
from locality.encodings.base import BlockContext, Encoding, EncodingSpec, Positions, load_codes
from locality.encodings.column import AnyArray, EncodedColumn
from locality.kernel import ir


class Plain(Encoding):
    """INTEGER, FLOAT and HUGEINT values as they are."""

    name = "plain"

    def encode_canonical(self, column: EncodedColumn, spec: EncodingSpec) -> EncodedColumn:
        values = _codes(column)
        if spec.code == "limbs":
            values = values if values.ndim == 2 else widen(values)
        elif values.ndim == 2:
            raise ValueError(f"128-bit values in a column that was chosen as {spec.code}")
        elif values.dtype != spec.code:
            narrowed = values.astype(spec.code)
            if not np.array_equal(narrowed, values):
                raise ValueError(f"values outside {spec.code}, chosen for their column")
            values = narrowed
        return EncodedColumn(spec.type, self.name, column.length, codes=values, validity=column.validity)

    def expand(self, column: EncodedColumn) -> EncodedColumn:
        return column

    def take(self, column: EncodedColumn, positions: Positions) -> EncodedColumn:
        validity = bitmaps.take(column.validity, positions)
        return EncodedColumn(
            column.type, self.name, len(positions), codes=np.take(_codes(column), positions, axis=0), validity=validity
        )

    def slice(self, column: EncodedColumn, start: int, stop: int) -> EncodedColumn:
        validity = None if column.validity is None else bitmaps.slice_bits(column.validity, start, stop)
        return EncodedColumn(column.type, self.name, stop - start, codes=_codes(column)[start:stop], validity=validity)

    def concat(self, columns: list[EncodedColumn]) -> EncodedColumn | None:
        parts = [_codes(column) for column in columns]
        if any(part.ndim == 2 for part in parts):
            parts = [part if part.ndim == 2 else widen(part) for part in parts]
        validity = bitmaps.concat([(column.validity, column.length) for column in columns])
        codes = np.concatenate(parts)
        return EncodedColumn(columns[0].type, self.name, len(codes), codes=codes, validity=validity)

    def emit_codes(self, context: BlockContext) -> Callable[[ir.Expr], ir.Expr]:
        return load_codes(context)


def _codes(column: EncodedColumn) -> AnyArray:
    assert column.codes is not None
    return column.codes
