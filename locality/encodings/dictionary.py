"""``dictionary``: codes into the column's ascending distinct strings, so that codes compare as the strings do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from locality.encodings import bitmaps
from locality.encodings.base import BlockContext, Encoding, EncodingSpec, Positions, load_codes
from locality.encodings.canonical import code_dtype, text_array
from locality.encodings.column import AnyArray, Dictionary, EncodedColumn
from locality.encodings.dictionaries import lookup, merge_dictionaries
from locality.kernel import ir


class DictionaryEncoding(Encoding):
    """Strings as codes of ``spec.dictionary``, which holds every one of them."""

    name = "dictionary"

    def encode_canonical(self, column: EncodedColumn, spec: EncodingSpec) -> EncodedColumn:
        assert spec.dictionary is not None
        return EncodedColumn(
            spec.type,
            self.name,
            column.length,
            codes=dictionary_codes(column, spec.dictionary).astype(spec.code, copy=False),
            validity=column.validity,
            dictionary=spec.dictionary,
        )

    def expand(self, column: EncodedColumn) -> EncodedColumn:
        return column

    def take(self, column: EncodedColumn, positions: Positions) -> EncodedColumn:
        assert column.codes is not None
        validity = bitmaps.take(column.validity, positions)
        return replace(column, length=len(positions), codes=np.take(column.codes, positions), validity=validity)

    def slice(self, column: EncodedColumn, start: int, stop: int) -> EncodedColumn:
        assert column.codes is not None
        validity = None if column.validity is None else bitmaps.slice_bits(column.validity, start, stop)
        return replace(column, length=stop - start, codes=column.codes[start:stop], validity=validity)

    def concat(self, columns: list[EncodedColumn]) -> EncodedColumn | None:
        merged, remaps = merge_dictionaries([_dictionary(column) for column in columns])
        narrow = code_dtype(len(merged) - 1)
        parts = [_remapped(column, remap, merged) for column, remap in zip(columns, remaps, strict=True)]
        codes = np.concatenate([part.astype(narrow, copy=False) for part in parts])
        validity = bitmaps.concat([(column.validity, column.length) for column in columns])
        return replace(columns[0], length=len(codes), codes=codes, validity=validity, dictionary=merged)

    def emit_codes(self, context: BlockContext) -> Callable[[ir.Expr], ir.Expr]:
        return load_codes(context)


def dictionary_codes(column: EncodedColumn, dictionary: Dictionary) -> AnyArray:
    """The codes in ``dictionary`` of a ``text`` or ``dictionary`` column; raises ValueError for a value not in it."""
    if column.encoding == "text":
        return lookup(text_array(column), dictionary)
    own = _dictionary(column)
    assert column.codes is not None
    if own.key == dictionary.key:
        return column.codes
    if not len(own):
        return np.zeros(column.length, dtype=np.uint8)
    return lookup(own.values, dictionary)[column.codes]


def _remapped(column: EncodedColumn, remap: AnyArray, merged: Dictionary) -> AnyArray:
    assert column.codes is not None
    if _dictionary(column).key == merged.key:
        return column.codes
    return remap[column.codes] if len(remap) else np.zeros(column.length, dtype=np.uint8)


def _dictionary(column: EncodedColumn) -> Dictionary:
    assert column.dictionary is not None
    return column.dictionary
