"""``plain``: the values themselves, in the narrow dtype of their type; 128-bit values as two int64 limbs."""

from __future__ import annotations

import numpy as np

from locality.encodings import bitmaps
from locality.encodings.arrow import widen
from locality.encodings.base import EncodingSpec
from locality.encodings.coded import RowCoded, codes_of
from locality.encodings.column import EncodedColumn


class Plain(RowCoded):
    """INTEGER, FLOAT and HUGEINT values as they are."""

    name = "plain"

    def encode_canonical(self, column: EncodedColumn, spec: EncodingSpec) -> EncodedColumn:
        values = codes_of(column)
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

    def concat(self, columns: list[EncodedColumn]) -> EncodedColumn | None:
        parts = [codes_of(column) for column in columns]
        if any(part.ndim == 2 for part in parts):
            parts = [part if part.ndim == 2 else widen(part) for part in parts]
        validity = bitmaps.concat([(column.validity, column.length) for column in columns])
        return columns[0].recoded(np.concatenate(parts), validity)
