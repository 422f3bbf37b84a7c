"""What the encodings with one code a row share."""

from __future__ import annotations

from collections.abc import Callable

from locality.encodings import bitmaps
from locality.encodings.base import BlockContext, Encoding, Positions, load_codes
from locality.encodings.column import AnyArray, EncodedColumn
from locality.kernel import ir


class RowCoded(Encoding):
    """Rows by position and ranges of rows are those of the codes, under the same parameters."""

    def take(self, column: EncodedColumn, positions: Positions) -> EncodedColumn:
        codes = codes_of(column).take(positions, axis=0)
        return column.recoded(codes, bitmaps.take(column.validity, positions))

    def slice(self, column: EncodedColumn, start: int, stop: int) -> EncodedColumn:
        validity = None if column.validity is None else bitmaps.slice_bits(column.validity, start, stop)
        return column.recoded(codes_of(column)[start:stop], validity)

    def emit_codes(self, context: BlockContext) -> Callable[[ir.Expr], ir.Expr]:
        return load_codes(context)


def codes_of(column: EncodedColumn) -> AnyArray:
    """The codes of a column that has some."""
    assert column.codes is not None
    return column.codes
