"""Rows in the order of a window: partition by partition, peers side by side."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from locality.kernel.loader import primitive
from locality.operators.ordering.fields import Field
from locality.operators.ordering.order import Order, Run, changes, in_turn, order_of
from locality.operators.relations.relation import Positions

Begins = npt.NDArray[np.bool_]

#: Rows that one worker takes at a time, if partitions are not larger: what is made of them stays in its cache.
_SHARD_ROWS = 65536


@dataclass(frozen=True, eq=False)
class Spans:
    """Spans of rows side by side; ``begins`` marks the rows that open one."""

    begins: Begins

    @property
    def first(self) -> Positions:
        """Where each row's span begins, a position in the order."""
        return self._ends[0]

    @property
    def after(self) -> Positions:
        """Where each row's span ends: the position after its last."""
        return self._ends[1]

    @cached_property
    def starts(self) -> Positions:
        """Where each span begins; then the number of rows."""
        return np.append(np.flatnonzero(self.begins), len(self.begins))

    @cached_property
    def number(self) -> Positions:
        """The number of each row's span."""
        return np.cumsum(self.begins) - 1

    @cached_property
    def _ends(self) -> tuple[Positions, Positions]:
        first, after = np.empty(len(self.begins), np.int64), np.empty(len(self.begins), np.int64)
        primitive("find_spans")(self.begins, first, after)
        return first, after


@dataclass(frozen=True, eq=False)
class Ordered:
    """Rows in order.

    by: their order. keys: the fields of partitions, and of the keys after them. partitions: the rows that calls see.
    sorted_by: the column by which, ascending, the rows of a partition are in order, where that is known.
    """

    by: Order
    keys: tuple[Sequence[Field], Sequence[Field]]
    partitions: Spans
    sorted_by: int | None = None

    @property
    def order(self) -> Positions:
        """Where each row lies in the input."""
        return self.by.rows

    @property
    def rows(self) -> int:
        return len(self.order)

    @cached_property
    def peers(self) -> Spans:
        """Rows that the keys do not tell apart; without keys, the whole partition."""
        owners, within = self.keys
        return Spans(changes(self.by, [*owners, *within])) if within else self.partitions

    @cached_property
    def position(self) -> Positions:
        """Each row's own position in the order."""
        return np.arange(self.rows, dtype=np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes of the order and the partitions."""
        return 9 * self.rows

    def shards(self) -> list[Ordered]:
        """The rows in parts of whole partitions: a call's values in one do not depend on the others."""
        starts = self.partitions.starts
        wanted = np.arange(0, self.rows, _SHARD_ROWS)
        cuts = [*np.unique(starts[np.searchsorted(starts, wanted)]).tolist(), self.rows]
        return [self._shard(slice(*cut)) for cut in itertools.pairwise(cuts) if cut[0] < cut[1]]

    def _shard(self, rows: slice) -> Ordered:
        return Ordered(self.by.at(rows), self.keys, Spans(self.partitions.begins[rows]), self.sorted_by)


def put_in_order(rows: int, owners: Sequence[Field], within: Sequence[Field], run: Run = in_turn) -> Ordered:
    """The order of ``rows`` rows by the fields of partitions, and then of keys; rows that are equal keep theirs."""
    order = order_of([*owners, *within], rows, run)
    return Ordered(order, (owners, within), Spans(changes(order, owners, run)))
