"""``min`` and ``max`` of raw strings: the row that leads each group, found by comparing bytes, without a dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.encodings.bitmaps import from_mask, to_mask
from locality.kernel.loader import primitive
from locality.operators.aggregation.distinct import first_rows, passing_rows
from locality.operators.physical import Execution
from locality.operators.relations.batch import Batch
from locality.plan.expressions import AggregateCall, ColumnRef
from locality.types import BIGINT

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Leaders:
    """The rows of a batch by the groups of ``keys``, columns that kernels read."""

    batch: Batch
    keys: Sequence[int]
    execution: Execution
    _owners: list[Rows] = field(default_factory=list)

    def rows(self, call: AggregateCall, column: EncodedColumn) -> EncodedColumn:
        """The numbers of the rows that have the extreme of their group, one a group; NULL in all other rows.

        call: whose argument is the ``text`` column.
        """
        assert column.data is not None and column.offsets is not None
        eligible = np.ones(column.length, np.bool_)
        if column.validity is not None:
            eligible &= to_mask(column.validity, column.length)
        if call.filter is not None:
            passing = np.zeros(column.length, np.bool_)
            passing[passing_rows(self.batch, call.filter)] = True
            eligible &= passing
        best = np.full(column.length, -1, np.int64)
        data = column.data if len(column.data) else np.zeros(1, np.uint8)
        primitive("leading_texts")(data, column.offsets, eligible, self._owner_of_rows(), call.name == "max", best)
        leads = np.zeros(column.length, np.bool_)
        leads[best[best >= 0]] = True
        numbers = np.arange(column.length, dtype=np.int64)
        return EncodedColumn(BIGINT, "plain", column.length, codes=numbers, validity=from_mask(leads))

    def _owner_of_rows(self) -> Rows:
        """For each row one of its group, the same for all of these."""
        if not self._owners:
            rows = self.batch.row_count
            self.execution.reserve(24 * rows, "the extremes of strings")
            none = np.zeros(rows, np.int64)
            self._owners.append(first_rows(self.batch, self.keys, self.execution) if self.keys and rows else none)
        return self._owners[0]


def numbered_extreme(call: AggregateCall, column: ColumnRef) -> AggregateCall:
    """The aggregate that gives the number of the row that leads each group."""
    return replace(call, name="max", args=(column,), type=BIGINT, distinct=False, filter=None)
