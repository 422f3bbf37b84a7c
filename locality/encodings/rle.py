"""``rle``: one code for each run of equal values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from locality.encodings import bitmaps
from locality.encodings.base import BlockContext, Encoding, EncodingSpec, Positions
from locality.encodings.column import AnyArray, EncodedColumn
from locality.encodings.dictionary import DictionaryEncoding, dictionary_codes
from locality.encodings.frame import Frame, integer_codes
from locality.kernel import ir


class RunLength(Encoding):
    """Runs of ``frame`` or ``scaled`` codes, or of ``dictionary`` codes where ``spec.dictionary`` is given."""

    name = "rle"

    def encode_canonical(self, column: EncodedColumn, spec: EncodingSpec) -> EncodedColumn:
        if spec.dictionary is not None:
            codes = dictionary_codes(column, spec.dictionary).astype(spec.code, copy=False)
        else:
            codes = integer_codes(column, spec)
        ends = run_ends(codes)
        return EncodedColumn(
            spec.type,
            self.name,
            column.length,
            codes=codes[ends - 1],
            validity=column.validity,
            base=spec.base,
            factor=spec.factor,
            dictionary=spec.dictionary,
            run_ends=ends.astype(np.int32),
        )

    def expand(self, column: EncodedColumn) -> EncodedColumn:
        row_coded = without_runs(column)
        return row_coded if column.dictionary is not None else Frame().expand(row_coded)

    def take(self, column: EncodedColumn, positions: Positions) -> EncodedColumn:
        assert column.run_ends is not None
        assert column.codes is not None
        runs = np.searchsorted(column.run_ends, positions, side="right")
        return replace(
            column,
            encoding=_underlying(column),
            length=len(positions),
            codes=column.codes[runs],
            validity=bitmaps.take(column.validity, positions),
            run_ends=None,
        )

    def slice(self, column: EncodedColumn, start: int, stop: int) -> EncodedColumn:
        assert column.run_ends is not None
        assert column.codes is not None
        first = int(np.searchsorted(column.run_ends, start, side="right"))
        last = int(np.searchsorted(column.run_ends, stop, side="left")) + 1 if stop > start else first
        ends = np.minimum(column.run_ends[first:last] - np.int32(start), np.int32(stop - start))
        validity = None if column.validity is None else bitmaps.slice_bits(column.validity, start, stop)
        return replace(column, length=stop - start, codes=column.codes[first:last], validity=validity, run_ends=ends)

    def concat(self, columns: list[EncodedColumn]) -> EncodedColumn | None:
        keys = {column.dictionary.key if column.dictionary else None for column in columns}
        length = sum(column.length for column in columns)
        if len({(c.base, c.factor) for c in columns}) > 1 or len(keys) > 1 or length >= 2**31:
            return None
        starts = np.cumsum([0] + [column.length for column in columns])
        pairs = zip(columns, starts, strict=False)
        ends = [column.run_ends + np.int32(start) for column, start in pairs if column.run_ends is not None]
        codes = np.concatenate([column.codes for column in columns if column.codes is not None])
        validity = bitmaps.concat([(column.validity, column.length) for column in columns])
        return replace(columns[0], length=length, codes=codes, validity=validity, run_ends=np.concatenate(ends))

    def emit_codes(self, context: BlockContext) -> Callable[[ir.Expr], ir.Expr]:
        """Expands the block's runs into a scratch array: one search a block, then a fill a run."""
        ends = context.array("run_ends", ir.Scalar.I32)
        values = context.array("codes", context.codes)
        out = context.local(context.codes)
        call = ir.Call("expand_runs", (ends, values, context.first_row, context.count, out), ir.Scalar.I64)
        context.emit(ir.Evaluate(call))
        return lambda row: ir.Load(out, (row,))


def run_ends(codes: AnyArray) -> AnyArray:
    """The exclusive ends of the runs of equal codes, int64, ascending; the last is ``len(codes)``."""
    if not len(codes):
        return np.zeros(0, dtype=np.int64)
    changes = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    return np.append(changes, len(codes))


def without_runs(column: EncodedColumn) -> EncodedColumn:
    """The same codes, one a row: a ``dictionary`` or ``frame``/``scaled`` column."""
    assert column.run_ends is not None
    assert column.codes is not None
    codes = np.repeat(column.codes, np.diff(column.run_ends, prepend=np.int32(0)))
    return replace(column, encoding=_underlying(column), codes=codes, run_ends=None)


def _underlying(column: EncodedColumn) -> str:
    if column.dictionary is not None:
        return DictionaryEncoding.name
    return "frame" if column.factor == 1 else "scaled"
