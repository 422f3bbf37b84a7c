"""Parts of a column put together under its final encoding: what recoding each and joining them gives, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from locality.encodings import bitmaps
from locality.encodings.base import EncodingSpec
from locality.encodings.canonical import code_dtype
from locality.encodings.coded import codes_of
from locality.encodings.column import AnyArray, Dictionary, EncodedColumn
from locality.encodings.dictionaries import lookup
from locality.encodings.ops import concat, recode

Recode = Callable[[EncodedColumn, AnyArray], None]
"""Writes the codes of a part to an array of the final dtype."""


def assemble(parts: Sequence[EncodedColumn], spec: EncodingSpec) -> EncodedColumn:
    """The values of ``parts`` (at least one), end to end, as ``spec`` says.

    Raises ValueError if a value is outside what ``spec`` can hold.
    """
    parts = [part for part in parts if part.length] or [parts[0]]
    if not all(_direct(part, spec) for part in parts):
        return concat([recode(part, spec) for part in parts])
    codes = np.empty(sum(part.length for part in parts), dtype=spec.code)
    write: Recode = partial(_move, spec=spec) if spec.dictionary is None else _Renamed(spec.dictionary)
    end = 0
    for part in parts:
        write(part, codes[end : end + part.length])
        end += part.length
    validity = bitmaps.concat([(part.validity, part.length) for part in parts])
    return EncodedColumn(spec.type, spec.encoding, end, codes, validity, spec.base, spec.factor, spec.dictionary)


def _direct(part: EncodedColumn, spec: EncodingSpec) -> bool:
    """Whether the part's codes determine those of ``spec``."""
    match spec.encoding:
        case "dictionary":
            return part.encoding == "dictionary"
        case "frame" | "scaled":
            # What stands for NULL need not be a multiple of a factor.
            direct = part.encoding == "frame" and (spec.factor == 1 or part.validity is None)
            return direct and 0 <= part.base - spec.base <= _greatest(part, spec) <= _limit(spec)
        case _:
            return False


def _greatest(part: EncodedColumn, spec: EncodingSpec) -> int:
    """The greatest distance of a value of the part from the base of ``spec``."""
    return part.base - spec.base + int(codes_of(part).max(initial=0))


def _limit(spec: EncodingSpec) -> int:
    """The greatest distance from its base that ``spec`` can hold."""
    return spec.factor * int(np.iinfo(spec.code).max)


def _move(part: EncodedColumn, out: AnyArray, spec: EncodingSpec) -> None:
    """From one base to another, and to multiples of a factor."""
    shift = part.base - spec.base
    if spec.factor == 1:
        np.add(codes_of(part), out.dtype.type(shift), out=out, casting="unsafe")
        return
    wide = codes_of(part).astype(code_dtype(max(_greatest(part, spec), spec.factor)))
    wide += wide.dtype.type(shift)
    np.floor_divide(wide, wide.dtype.type(spec.factor), out=out, casting="unsafe")
    if not np.array_equal(out * wide.dtype.type(spec.factor), wide):
        raise ValueError(f"a value is not {spec.base} plus a multiple of {spec.factor}")


class _Renamed:
    """From codes of a part's dictionary to those of the column's, which are looked up once for equal dictionaries."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._codes: dict[str, AnyArray] = {}

    def __call__(self, part: EncodedColumn, out: AnyArray) -> None:
        own = part.dictionary
        assert own is not None
        if own.key == self._dictionary.key:
            out[:] = codes_of(part)
            return
        if own.key not in self._codes:
            self._codes[own.key] = lookup(own.values, self._dictionary).astype(out.dtype)
        out[:] = self._codes[own.key][codes_of(part)] if len(own) else 0
