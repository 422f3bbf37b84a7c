"""An encoded column: the form in which values lie in segments, in intermediate results, and in kernels' hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality.types import DataType

AnyArray = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Distinct values in ascending order (bytewise for strings), without NULL; compared by identity or ``key``."""

    key: str
    values: pa.Array

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class EncodedColumn:
    """``length`` values of ``type`` under ``encoding`` (the registry's name).

    codes: what the encoding stores by value; shape (length,), one per run for ``rle``, (length, 2) little-endian int64
        limbs (low, high) for 128-bit ``plain``; None for ``constant`` and ``text``.
    validity: Arrow's bitmap (LSB first, bit 1 valid, offset 0) as uint8, or None where there are no NULLs. Codes under
        NULL are arbitrary but in range.
    base, factor: an INTEGER value is ``base + factor * code`` (``frame``, ``scaled``, ``rle``; ``constant``: ``base``).
    dictionary: code ``c`` means ``dictionary.values[c]`` (``dictionary``, and ``rle`` over it).
    run_ends: exclusive ends of the runs, int32, ascending, the last is ``length`` (``rle``).
    offsets, data: Arrow's layout of strings, int64 offsets of shape (length + 1,) into uint8 data (``text``).
    value: the value of a ``constant`` column that is not INTEGER; None together with ``all_null``.
    all_null: every value is NULL (``constant`` only).
    nested: the Arrow array of a nested type (``opaque``).
    """

    type: DataType
    encoding: str
    length: int
    codes: AnyArray | None = None
    validity: npt.NDArray[np.uint8] | None = None
    base: int = 0
    factor: int = 1
    dictionary: Dictionary | None = None
    run_ends: npt.NDArray[np.int32] | None = None
    offsets: npt.NDArray[np.int64] | None = None
    data: npt.NDArray[np.uint8] | None = None
    value: float | str | bytes | None = None
    all_null: bool = False
    nested: pa.Array | None = None

    def recoded(self, codes: AnyArray, validity: npt.NDArray[np.uint8] | None) -> EncodedColumn:
        """Other rows under the same parameters, for encodings with one code a row."""
        return EncodedColumn(
            self.type, self.encoding, len(codes), codes, validity, self.base, self.factor, self.dictionary
        )
