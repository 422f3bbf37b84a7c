"""Rows in the order of a window: partition by partition, peers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.kernel.loader import primitive
from locality.operators.ordering import Keys, order_of, sort_keys
from locality.operators.relations.relation import Positions
from locality.plan.expressions import SortKey

Begins = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Spans:
    """A span of rows that each row lies in: from ``first`` up to ``after``, positions in the order."""

    begins: Begins
    first: Positions
    after: Positions


@dataclass(frozen=True, eq=False)
class Ordered:
    """Rows in order.

    order: where each row lies in the input. partitions: the rows that calls see. peers: rows that the keys do not tell
    apart; without keys, the whole partition.
    """

    order: Positions
    partitions: Spans
    peers: Spans

    @property
    def rows(self) -> int:
        return len(self.order)

    @cached_property
    def position(self) -> Positions:
        """Each row's own position in the order."""
        return np.arange(self.rows, dtype=np.int64)

    @cached_property
    def group(self) -> Positions:
        """The number of each row's peers among all groups of peers."""
        return np.cumsum(self.peers.begins) - 1

    @cached_property
    def group_starts(self) -> Positions:
        """Where each group of peers begins; then the number of rows."""
        return np.append(np.flatnonzero(self.peers.begins), self.rows)

    @property
    def nbytes(self) -> int:
        """Bytes of the order and the spans."""
        return 8 * 5 * self.rows


def put_in_order(
    rows: int, partitions: Sequence[EncodedColumn], keys: Sequence[tuple[EncodedColumn, SortKey]]
) -> Ordered:
    """The order of ``rows`` rows, of which all columns have as many; rows that are equal keep theirs."""
    owners = [array for column in partitions for array in sort_keys(column, False, False)]
    within = [array for column, key in keys for array in sort_keys(column, key.descending, key.nulls_first)]
    arrays = [*owners, *within]
    order = order_of(arrays) if arrays else np.arange(rows, dtype=np.int64)
    begins = _changes(rows, owners, order)
    borders = begins if not within else begins | _changes(rows, within, order)
    return Ordered(order, _spans(begins), _spans(borders))


def _changes(rows: int, arrays: Sequence[Keys], order: Positions) -> Begins:
    """Which rows differ from the one before them; the first does."""
    changed = np.zeros(rows, dtype=np.bool_)
    changed[:1] = True
    for array in arrays:
        ordered = array[order]
        changed[1:] |= ordered[1:] != ordered[:-1]
    return changed


def _spans(begins: Begins) -> Spans:
    first, after = np.empty(len(begins), np.int64), np.empty(len(begins), np.int64)
    primitive("find_spans")(begins, first, after)
    return Spans(begins, first, after)
