"""Strings numbered by a hash table of their bytes, without a dictionary and without Python strings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.encodings.canonical import canonical
from locality.encodings.column import Dictionary
from locality.kernel.loader import primitive
from locality.types import DataType

Bytes = npt.NDArray[np.uint8]
Ints64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TextTable:
    """Strings by the first row that has them; see :mod:`locality.kernel.primitives.texts`, whose arrays these are.

    data, offsets: the strings, at least one byte and one row, so that kernels have something to point at.
    """

    slots: Ints64
    data: Bytes
    offsets: Ints64

    @property
    def size(self) -> int:
        """The codes are below this."""
        return len(self.offsets) - 1

    @property
    def nbytes(self) -> int:
        return self.slots.nbytes + self.offsets.nbytes

    def find(self, column: EncodedColumn) -> Ints64:
        """The code of each string of a ``text`` column; -1 where it is not there, anything under NULL."""
        data, offsets = strings_of(column)
        codes = np.empty(column.length, np.int64)
        primitive("find_texts")(
            data, offsets[:-1], offsets[1:], column.length, self.slots, self.data, self.offsets, codes
        )
        return codes

    def find_entries(self, dictionary: Dictionary, dtype: DataType) -> Ints64:
        """The code of each entry of a dictionary, at least one element."""
        if len(dictionary) == 0:
            return np.full(1, -1, np.int64)
        return self.find(canonical(dictionary.values, dtype))


def number_texts(column: EncodedColumn) -> tuple[TextTable, Ints64]:
    """The table of a ``text`` column's strings, and the code of each row."""
    data, offsets = strings_of(column)
    slots = np.zeros(1 << max(2 * column.length, 1).bit_length(), np.int64)
    codes = np.empty(column.length, np.int64)
    primitive("enter_texts")(data, offsets, slots, codes)
    return TextTable(slots, data, offsets), codes


def dictionary_texts(dictionary: Dictionary, dtype: DataType) -> TextTable:
    """The table of a dictionary's entries, whose codes are the dictionary's."""
    return number_texts(canonical(dictionary.values, dtype))[0]


def strings_of(column: EncodedColumn) -> tuple[Bytes, Ints64]:
    """The bytes and offsets of a ``text`` column, at least one of each, so that kernels have something to point at."""
    assert column.data is not None and column.offsets is not None
    data = column.data if len(column.data) else np.zeros(1, np.uint8)
    return data, column.offsets if len(column.offsets) else np.zeros(1, np.int64)
