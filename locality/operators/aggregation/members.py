"""The rows of a group that an aggregate counts, in the order that it wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from locality.encodings import EncodedColumn, take
from locality.operators.ordering.fields import fields_of
from locality.operators.ordering.order import order_of
from locality.operators.relations.relation import Positions
from locality.operators.windows.inputs import Input, Mask
from locality.plan.expressions import ColumnRef, SortKey
from locality.types import BIGINT


@dataclass(frozen=True, eq=False)
class Members:
    """The rows that count, group by group, as positions in the order of the input; how many each group has."""

    rows: Positions
    counts: Positions

    @property
    def starts(self) -> Positions:
        """Where each group begins among the rows; then the number of rows."""
        return np.concatenate((np.zeros(1, np.int64), np.cumsum(self.counts)))

    def first(self, count: int) -> Members:
        """At most ``count`` rows of each group."""
        place = np.arange(len(self.rows)) - np.repeat(self.starts[:-1], self.counts)
        return Members(self.rows[place < count], np.minimum(self.counts, count))


def members_of(source: Input, counted: Mask, keys: Sequence[SortKey]) -> Members:
    """The rows that are ``counted``, within their groups by ``keys``; equal ones as they came."""
    groups = source.ordered.partitions
    rows = np.flatnonzero(counted)
    group = groups.number[rows]
    counts = np.bincount(group, minlength=len(groups.starts) - 1)
    fields = [
        field
        for key in keys
        if isinstance(key.expression, ColumnRef)
        for field in fields_of(take(source.column(key.expression), rows), key.descending, key.nulls_first)
    ]
    if fields:
        by_group = fields_of(EncodedColumn(BIGINT, "plain", len(group), codes=group))
        rows = rows[order_of([*by_group, *fields], len(rows), source.run).rows]
    return Members(rows, counts)
