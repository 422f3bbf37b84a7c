"""Strings of some rows as places in bytes, and what puts them end to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, bitmaps, canonical, expand
from locality.encodings.column import Dictionary
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel.builder import Builder
from locality.kernel.ir import Array, Scalar
from locality.kernel.loader import load
from locality.types import VARCHAR

Bytes = npt.NDArray[np.uint8]
Ints64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

#: Bytes behind the end of what is put together, which the last copy may write.
SLACK = 16


@dataclass(frozen=True, eq=False)
class Texts:
    """The string of row ``i`` is ``data[starts[i] : stops[i]]``, which is empty for NULL.

    valid: which rows are not NULL, None for all. offsets: where strings lie end to end, these bounds in one array.
    """

    data: Bytes
    starts: Ints64
    stops: Ints64
    valid: Mask | None = None
    offsets: Ints64 | None = None

    @classmethod
    def of_offsets(cls, data: Bytes, offsets: Ints64, valid: Mask | None = None) -> Texts:
        """Strings that lie end to end."""
        return cls(data, offsets[:-1], offsets[1:], valid, offsets)

    @cached_property
    def is_ascii(self) -> bool:
        """Whether every character is a byte."""
        return int(self.data.max(initial=0)) < 128

    def ascii(self) -> Texts:
        """The same; raises Unsupported if a character has several bytes."""
        if not self.is_ascii:
            raise Unsupported("characters of several bytes")
        return self

    def where(self, mask: Mask | None) -> Texts:
        """The same strings where ``mask`` holds, empty ones elsewhere."""
        return self if mask is None else replace(self, stops=np.where(mask, self.stops, self.starts), offsets=None)

    def between(self, starts: Ints64, stops: Ints64) -> Texts:
        """Parts of the strings."""
        return replace(self, starts=starts, stops=stops, offsets=None)

    def column(self) -> EncodedColumn:
        """The strings end to end."""
        if self.offsets is None:
            return joined([self], self.valid).column()
        validity = None if self.valid is None else bitmaps.from_mask(self.valid)
        return EncodedColumn(VARCHAR, "text", len(self.starts), validity=validity, offsets=self.offsets, data=self.data)


def texts_of(column: EncodedColumn) -> Texts:
    """The strings of a column; raises Unsupported if these are no VARCHAR."""
    flat = expand(column)
    if flat.type != VARCHAR:
        raise Unsupported(f"{flat.type} as text")
    valid = None if flat.validity is None else bitmaps.to_mask(flat.validity, flat.length)
    if flat.encoding == "dictionary":
        assert flat.codes is not None and flat.dictionary is not None
        data, offsets = _entries(flat.dictionary)
        stops = offsets[1:][flat.codes] if len(flat.dictionary) else np.zeros(flat.length, np.int64)
        starts = offsets[flat.codes] if len(flat.dictionary) else stops
        return Texts(data, starts, stops, valid).where(valid)
    assert flat.offsets is not None and flat.data is not None
    first, last = int(flat.offsets[0]), int(flat.offsets[-1])
    return Texts.of_offsets(flat.data[first:last], flat.offsets if first == 0 else flat.offsets - first, valid)


def _entries(dictionary: Dictionary) -> tuple[Bytes, Ints64]:
    flat = canonical(dictionary.values, VARCHAR)
    assert flat.offsets is not None and flat.data is not None
    first, last = int(flat.offsets[0]), int(flat.offsets[-1])
    return flat.data[first:last], flat.offsets - first


def both(*masks: Mask | None) -> Mask | None:
    """Where all of them hold; None stands for everywhere."""
    given = [mask for mask in masks if mask is not None]
    return reduce(np.logical_and, given) if given else None


def repeated(text: str, rows: int) -> Texts:
    """One string in every row."""
    data = np.frombuffer(text.encode(), np.uint8)
    return Texts(data, np.zeros(rows, np.int64), np.full(rows, len(data), np.int64))


def joined(pieces: Sequence[Texts], valid: Mask | None = None) -> Texts:
    """The strings of each row one after the other; NULL where not ``valid``."""
    pieces = [piece.where(valid) for piece in pieces]
    total = sum(int((piece.stops - piece.starts).sum()) for piece in pieces)
    rows = len(pieces[0].starts)
    data, offsets = np.empty(total + SLACK, np.uint8), np.zeros(rows + 1, np.int64)
    places = [
        array for piece in pieces for array in (piece.data, *map(np.ascontiguousarray, (piece.starts, piece.stops)))
    ]
    _joiner(len(pieces))(rows, data, offsets, *places)
    return Texts.of_offsets(data[:total], offsets, valid)


@cache
def _joiner(pieces: int) -> Callable[..., Any]:
    """A kernel that puts so many strings of each row end to end."""
    builder = Builder()
    octets, places = Array(Scalar.U8), Array(Scalar.I64)
    rows, out, offsets = (builder.parameter(kind) for kind in (Scalar.I64, octets, places))
    sources = [tuple(builder.parameter(kind) for kind in (octets, places, places)) for _ in range(pieces)]
    at = builder.assign(b.const_i64(0))
    with builder.loop(rows) as i:
        for data, starts, stops in sources:
            builder.set(at, b.call("spill_text", data, b.load(starts, i), b.load(stops, i), out, at))
        builder.store(offsets, b.add(i, b.const_i64(1)), at)
    kernel = load(builder.build(at), f"{pieces} strings of each row, end to end.")
    kernel.optimise()
    return kernel.compiled
