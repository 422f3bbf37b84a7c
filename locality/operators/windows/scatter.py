"""Results of parts of a window's rows, brought back into the order in which the rows came."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from locality.encodings import EncodedColumn, bitmaps, concat, expand, take
from locality.operators.ordering.order import Run
from locality.operators.relations.relation import Positions


def scattered(parts: Sequence[EncodedColumn], orders: Sequence[Positions], run: Run) -> EncodedColumn:
    """One column of all rows: value ``i`` of part ``p`` at row ``orders[p][i]``; each row is in one part."""
    parts = [expand(part) for part in parts]
    first = parts[0]
    if any(not _has_form_of(part, first) for part in parts):
        return _by_inverse(parts, orders, run)
    assert first.codes is not None
    rows = sum(map(len, orders))
    codes = np.empty((rows, *first.codes.shape[1:]), first.codes.dtype)
    valid = None if all(part.validity is None for part in parts) else np.ones(rows, np.bool_)

    def place(worker: int, number: int) -> None:
        part, order = parts[number], orders[number]
        codes[order] = part.codes
        if valid is not None and part.validity is not None:
            valid[order] = bitmaps.to_mask(part.validity, part.length)

    run(range(len(parts)), place)
    return first.recoded(codes, None if valid is None else bitmaps.from_mask(valid))


def _has_form_of(part: EncodedColumn, other: EncodedColumn) -> bool:
    """Whether both have a code a row that means the same in both."""
    if part.codes is None or other.codes is None or part.dictionary is not other.dictionary:
        return False
    return part.codes.dtype == other.codes.dtype and part.codes.ndim == other.codes.ndim


def _by_inverse(parts: Sequence[EncodedColumn], orders: Sequence[Positions], run: Run) -> EncodedColumn:
    inverse = np.empty(sum(map(len, orders)), np.int64)
    starts = np.cumsum([0, *map(len, orders)])

    def place(worker: int, number: int) -> None:
        inverse[orders[number]] = np.arange(starts[number], starts[number + 1])

    run(range(len(orders)), place)
    return take(concat(list(parts)), inverse)
