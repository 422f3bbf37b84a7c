"""Rows of few different combinations of values: a function of them is computed once for each that occurs.

As a table by code does for one column (:mod:`locality.operators.codegen.lookup`), for several columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, expand, take
from locality.encodings.bitmaps import to_mask

#: Rows that each combination must be expected to have, at least.
_LEAST_ROWS = 8


@dataclass(frozen=True, eq=False)
class Combinations:
    """The combinations that occur: columns of these alone, and which one each row has."""

    columns: tuple[EncodedColumn, ...]
    number: npt.NDArray[np.int64]

    def spread(self, results: EncodedColumn) -> EncodedColumn:
        """The results of combinations as results of rows."""
        return take(results, self.number)


def combinations_of(columns: Sequence[EncodedColumn]) -> Combinations | None:
    """The combinations of rows, columns side by side; None where they may be too many."""
    rows = columns[0].length
    digits = np.zeros(rows, np.int64)
    size = 1
    for column in columns:
        found = _digits(expand(column), rows // (_LEAST_ROWS * size))
        if found is None:
            return None
        own, count = found
        digits = digits * count + own
        size *= count
    one_of_each = np.full(size, -1, np.int64)
    one_of_each[digits] = np.arange(rows)
    occurring = np.flatnonzero(one_of_each >= 0)
    number = np.zeros(size, np.int64)
    number[occurring] = np.arange(len(occurring))
    chosen = one_of_each[occurring]
    return Combinations(tuple(take(column, chosen) for column in columns), number[digits])


def _digits(column: EncodedColumn, most: int) -> tuple[npt.NDArray[Any], int] | None:
    """A number from 0 for each different value, and how many there may be; None where that is not below ``most``."""
    codes, low = column.codes, 0
    if codes is None or codes.ndim != 1 or codes.dtype.kind not in "iub" or not len(codes):
        return None
    if column.dictionary is None:
        low = int(codes.min())
        size = int(codes.max()) - low + 1
    else:
        size = len(column.dictionary)
    if not 0 < size < most:
        return None
    # Differences are small, whatever wraps around: values of eight bits, and those of UBIGINT, may not fit their type.
    digits = codes.astype(np.int64) - codes.dtype.type(low).astype(np.int64)
    if column.validity is None:
        return digits, size
    return np.where(to_mask(column.validity, column.length), digits, size), size + 1
