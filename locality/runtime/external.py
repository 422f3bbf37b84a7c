"""Sorting more rows than memory holds the keys of: part by part, each of which lies between two rows of a sample.

Which part a row belongs to is found by sorting it, in chunks, together with the rows that divide the parts; a part is
then sorted by itself, and follows the one before it (DeWitt, Naughton and Schneider, "Parallel sorting on a
shared-nothing architecture using probabilistic splitting", PDIS 1991). Nothing is written in between: a part's columns
are read again from the stored table, which is compressed and mapped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import numpy as np

from locality.operators.physical import Delegate, Execution
from locality.operators.relations.relation import Positions

#: The order of some of the rows, given by their positions: their numbers among these. Equal rows keep their order.
Sort = Callable[[Positions, Execution], Positions]

#: Rows of the sample for each part; the share of a part's room that rows are expected to take; parts at most.
_SAMPLE_ROWS = 256
_EXPECTED_SHARE = 0.6
_MOST_PARTS = 2**16 - 1


class Scope(Delegate):
    """An execution for a part of the work: what is reserved is given back at its end."""

    def __init__(self, base: Execution) -> None:
        super().__init__(base)
        self._reserved = 0

    def reserve(self, nbytes: int, what: str) -> None:
        super().reserve(nbytes, what)
        self._reserved += nbytes

    def release(self, nbytes: int) -> None:
        super().release(nbytes)
        self._reserved -= nbytes

    def __enter__(self) -> Scope:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release(self._reserved)


def parts_of(rows: Positions, most: int, sort: Sort | None, execution: Execution) -> Iterator[Positions]:
    """The rows in parts of ``most`` at most, one part after the other in the order of ``sort``; each ascending.

    Without ``sort`` parts are as the rows come; so are those of more equal rows than a part holds. Takes two bytes a
    row, and memory for ``most`` rows; raises MemoryLimitError.
    """
    count = min(-(-len(rows) // max(int(most * _EXPECTED_SHARE), 1)), _MOST_PARTS)
    if sort is None:
        yield from _slices(rows, most)
        return
    with Scope(execution) as scope:
        scope.reserve(2 * len(rows), "the parts of a table's rows")
        numbers = _part_numbers(rows, _dividers(rows, count, sort, execution), most, sort, execution)
        for part in range(count):
            yield from _slices(rows[np.flatnonzero(numbers == part)], most)


def _slices(rows: Positions, most: int) -> Iterator[Positions]:
    for start in range(0, len(rows), most):
        yield rows[start : start + most]


def _dividers(rows: Positions, count: int, sort: Sort, execution: Execution) -> Positions:
    """Rows that divide all of them into so many parts of about the same size."""
    sample = rows[np.linspace(0, len(rows) - 1, min(count * _SAMPLE_ROWS, len(rows))).astype(np.int64)]
    ordered = sample[sort(sample, execution)]
    return ordered[np.arange(1, count) * len(ordered) // count]


def _part_numbers(
    rows: Positions, dividers: Positions, most: int, sort: Sort, execution: Execution
) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """The part of each row: how many of the dividers come before it, or equal it."""
    numbers = np.empty(len(rows), np.uint16)
    start = 0
    for chunk in _slices(rows, most):
        # dividers come first among equal rows, since sorting keeps the order
        order = sort(np.concatenate([dividers, chunk]), execution)
        is_row = order >= len(dividers)
        numbers[start + order[is_row] - len(dividers)] = np.cumsum(~is_row)[is_row]
        start += len(chunk)
    return numbers
