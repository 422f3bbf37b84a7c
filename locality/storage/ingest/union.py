"""The distinct strings of a column, gathered from its chunks until they are clearly too many for a dictionary."""

from __future__ import annotations

import math

import pyarrow as pa

from locality import types
from locality.encodings import Dictionary
from locality.encodings.choose import ROWS_PER_ENTRY, SMALL_DICTIONARY
from locality.encodings.dictionaries import sorted_dictionary
from locality.types import DataType

_MOST_ENTRIES = 1 << 18
_TOTAL_GUESS = 16


class Union:
    """The union of dictionaries; ``open`` until it has grown, or will foreseeably grow, beyond what is of use."""

    def __init__(self, dtype: DataType, total_rows: int | None) -> None:
        """``total_rows``: how many rows the column will have, if that is known."""
        self.open = True
        self._type = dtype
        self._total = total_rows
        self._known: set[str] = set()
        self._values: pa.Array = pa.array([], types.to_arrow(dtype))
        self._rows = 0
        self._sample = 0, 0

    def promises(self, distinct: int, rows: int, chunk: int) -> bool:
        """Whether ``rows`` rows with ``distinct`` values suggest a useful dictionary over the whole column.

        chunk: the rows that came with them, from which their total is guessed if it is not known.
        """
        total = self._total if self._total is not None else _TOTAL_GUESS * chunk
        return _projected(distinct, rows, total) <= self._limit(total)

    def add(self, dictionary: Dictionary, rows: int) -> None:
        """Take in the dictionary of further rows."""
        self._rows += rows
        if not self.open or dictionary.key in self._known:
            return
        import pyarrow.compute as pc

        self._known.add(dictionary.key)
        new = dictionary.values.filter(pc.invert(pc.is_in(dictionary.values, self._values)))
        self._values = pa.concat_arrays([self._values, new])
        if len(self._values) > self._limit(max(self._rows, self._total or _TOTAL_GUESS * self._rows)):
            self.close(len(self._values), self._rows)

    def close(self, distinct: int, rows: int) -> None:
        """Give up, knowing that ``rows`` rows have ``distinct`` values."""
        if self.open:
            self.open = False
            self._values = self._values[:0]
            self._sample = distinct, rows

    def estimate(self, rows: int) -> int:
        """About how many distinct values ``rows`` rows have: the exact number unless the union was given up."""
        return len(self._values) if self.open else round(_projected(*self._sample, rows))

    def dictionary(self) -> Dictionary | None:
        """All values in ascending order; None if the union was given up."""
        return sorted_dictionary(self._values, self._type)[0] if self.open else None

    def _limit(self, total: int) -> int:
        return min(_MOST_ENTRIES, max(SMALL_DICTIONARY, total // ROWS_PER_ENTRY))


def _projected(distinct: int, rows: int, total: int) -> float:
    """Distinct values among ``total`` rows, if all values are equally frequent and ``rows`` rows have ``distinct``."""
    if distinct >= rows:
        return float(total)
    # D values give D * (1 - exp(-rows / D)) distinct ones in a sample: solved for D by bisection.
    low, high = float(distinct), 1e15
    for _ in range(100):
        middle = math.sqrt(low * high) if low > 0 else high / 2
        if -middle * math.expm1(-rows / middle) < distinct:
            low = middle
        else:
            high = middle
    return min(high, total)
