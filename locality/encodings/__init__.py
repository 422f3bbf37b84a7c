"""Encodings: one file each, one registry, and the operations that work over all of them."""

from __future__ import annotations

from locality.encodings.assemble import assemble
from locality.encodings.base import BlockContext, Encoding, EncodingSpec
from locality.encodings.canonical import canonical
from locality.encodings.choose import ColumnProfile, choose
from locality.encodings.column import Dictionary, EncodedColumn
from locality.encodings.dictionaries import make_dictionary, merge_dictionaries
from locality.encodings.ops import (
    concat,
    counted,
    decode,
    expand,
    from_arrow,
    integer_bounds,
    recode,
    slice_column,
    stored_bytes,
    stored_width,
    take,
    without_rows,
)
from locality.encodings.registry import ENCODINGS

__all__ = [
    "ENCODINGS",
    "BlockContext",
    "ColumnProfile",
    "Dictionary",
    "EncodedColumn",
    "Encoding",
    "EncodingSpec",
    "assemble",
    "canonical",
    "choose",
    "concat",
    "counted",
    "decode",
    "expand",
    "from_arrow",
    "integer_bounds",
    "make_dictionary",
    "merge_dictionaries",
    "recode",
    "slice_column",
    "stored_bytes",
    "stored_width",
    "take",
    "without_rows",
]
