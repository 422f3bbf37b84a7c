"""``opaque``: Arrow arrays kept as they are: nested types and intervals, which DuckDB's functions read."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from locality.encodings import bitmaps
from locality.encodings.base import BlockContext, Encoding, EncodingSpec, Positions
from locality.encodings.column import EncodedColumn
from locality.errors import Unsupported
from locality.kernel import ir
from locality.types import DataType


class Opaque(Encoding):
    """Any Arrow array, in ``nested``."""

    name = "opaque"

    def encode_canonical(self, column: EncodedColumn, spec: EncodingSpec) -> EncodedColumn:
        return column

    def expand(self, column: EncodedColumn) -> EncodedColumn:
        return column

    def take(self, column: EncodedColumn, positions: Positions) -> EncodedColumn:
        return _wrap(_array(column).take(pa.array(positions)), column.type)

    def slice(self, column: EncodedColumn, start: int, stop: int) -> EncodedColumn:
        return _wrap(_array(column).slice(start, stop - start), column.type)

    def concat(self, columns: list[EncodedColumn]) -> EncodedColumn | None:
        arrays = [_array(column) for column in columns]
        first = arrays[0].type  # names of fields within may differ
        return _wrap(pa.concat_arrays([a if a.type == first else a.cast(first) for a in arrays]), columns[0].type)

    def emit_codes(self, context: BlockContext) -> Callable[[ir.Expr], ir.Expr]:
        raise Unsupported("values of nested types have no codes")

    def stored_bytes(self, column: EncodedColumn) -> int:
        return int(_array(column).nbytes)


def _array(column: EncodedColumn) -> pa.Array:
    assert column.nested is not None
    return column.nested


def _wrap(array: pa.Array, dtype: DataType) -> EncodedColumn:
    return EncodedColumn(dtype, "opaque", len(array), validity=bitmaps.from_arrow(array), nested=array)
