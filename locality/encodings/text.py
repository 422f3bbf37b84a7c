"""``text``: strings as they are, one after the other, with offsets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from locality.encodings import bitmaps
from locality.encodings.arrow import to_text
from locality.encodings.base import BlockContext, Encoding, EncodingSpec, Positions
from locality.encodings.canonical import canonical, text_array
from locality.encodings.column import EncodedColumn
from locality.errors import Unsupported
from locality.kernel import ir


class Text(Encoding):
    """Raw strings. Slices are views: offsets need not start at 0, and data may hold bytes that no row refers to."""

    name = "text"

    def encode_canonical(self, column: EncodedColumn, spec: EncodingSpec) -> EncodedColumn:
        return to_text(column)

    def expand(self, column: EncodedColumn) -> EncodedColumn:
        return column

    def take(self, column: EncodedColumn, positions: Positions) -> EncodedColumn:
        return canonical(text_array(column).take(positions), column.type)

    def slice(self, column: EncodedColumn, start: int, stop: int) -> EncodedColumn:
        assert column.offsets is not None
        validity = None if column.validity is None else bitmaps.slice_bits(column.validity, start, stop)
        offsets = column.offsets[start : stop + 1]
        return EncodedColumn(column.type, self.name, stop - start, validity=validity, offsets=offsets, data=column.data)

    def concat(self, columns: list[EncodedColumn]) -> EncodedColumn | None:
        offsets, data, end = [np.zeros(1, dtype=np.int64)], [], 0
        for column in columns:
            assert column.offsets is not None
            assert column.data is not None
            first, last = int(column.offsets[0]), int(column.offsets[-1])
            offsets.append(column.offsets[1:] + (end - first))
            data.append(column.data[first:last])
            end += last - first
        return EncodedColumn(
            columns[0].type,
            self.name,
            sum(column.length for column in columns),
            validity=bitmaps.concat([(column.validity, column.length) for column in columns]),
            offsets=np.concatenate(offsets),
            data=np.concatenate(data),
        )

    def emit_codes(self, context: BlockContext) -> Callable[[ir.Expr], ir.Expr]:
        raise Unsupported("text has no codes")
