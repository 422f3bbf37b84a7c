"""``dictionary``: codes into the column's ascending distinct strings, so that codes compare as the strings do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from locality.encodings import bitmaps
from locality.encodings.base import EncodingSpec
from locality.encodings.canonical import code_dtype, text_array
from locality.encodings.coded import RowCoded, codes_of
from locality.encodings.column import AnyArray, Dictionary, EncodedColumn
from locality.encodings.dictionaries import lookup, merge_dictionaries


class DictionaryEncoding(RowCoded):
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

    def concat(self, columns: list[EncodedColumn]) -> EncodedColumn | None:
        merged, remaps = merge_dictionaries([_dictionary(column) for column in columns])
        narrow = code_dtype(len(merged) - 1)
        parts = [_remapped(column, remap, merged) for column, remap in zip(columns, remaps, strict=True)]
        codes = np.concatenate([part.astype(narrow, copy=False) for part in parts])
        validity = bitmaps.concat([(column.validity, column.length) for column in columns])
        return replace(columns[0], length=len(codes), codes=codes, validity=validity, dictionary=merged)


def dictionary_codes(column: EncodedColumn, dictionary: Dictionary) -> AnyArray:
    """The codes in ``dictionary`` of a ``text`` or ``dictionary`` column; raises ValueError for a value not in it."""
    if column.encoding == "text":
        return lookup(text_array(column), dictionary)
    own = _dictionary(column)
    if own.key == dictionary.key:
        return codes_of(column)
    if not len(own):
        return np.zeros(column.length, dtype=np.uint8)
    return lookup(own.values, dictionary)[codes_of(column)]


def _remapped(column: EncodedColumn, remap: AnyArray, merged: Dictionary) -> AnyArray:
    codes = codes_of(column)
    if _dictionary(column).key == merged.key:
        return codes
    return remap[codes] if len(remap) else np.zeros(column.length, dtype=np.uint8)


def _dictionary(column: EncodedColumn) -> Dictionary:
    assert column.dictionary is not None
    return column.dictionary
