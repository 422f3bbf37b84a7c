"""Rows of a table, evenly spread, that tell which zones another order would give it, without writing it.

The sample is sorted as the table would be, and cut where the zones of the whole table would end. Bounds of the few rows
of such a zone are narrower than those of all its rows would be; they are widened by what order statistics expect: three
of the gaps that the rows of the zone leave between them, measured in ranks.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, bitmaps, stored_width, take
from locality.encodings.column import AnyArray
from locality.operators.physical import Execution
from locality.operators.relations.relation import Positions
from locality.runtime.parents import Parents
from locality.runtime.paths import OrderColumn
from locality.runtime.reorder import RowOrder, sorted_rows
from locality.storage.snapshot import Snapshot
from locality.storage.table import ForeignKey, Table
from locality.storage.zones import BLOCK_ROWS, ZONE_ROWS, Zones, ordered_keys, tell_more, zones_of

#: Rows of a sample: enough for bounds of blocks, of which each has so many; at least, and at most.
_ROWS_A_BLOCK, _LEAST_ROWS, _MOST_ROWS = 16, 1 << 16, 1 << 18
_GAPS = 3
#: Rows of a sample for each row of a thinned one.
_THIN = 8
#: Runs are kept where they take a quarter of the codes, see :mod:`locality.encodings.choose`; a run's end has 4 bytes.
_RUN_GAIN, _RUN_END_BYTES = 4, 4


class Sample:
    """A sample of a table; columns are read when they are first asked for."""

    def __init__(self, snapshot: Snapshot, table: Table, execution: Execution) -> None:
        self.table, self.snapshot = table, snapshot
        self._execution = execution
        self._whole: Sample | None = None
        enough = min(max(table.row_count * _ROWS_A_BLOCK // BLOCK_ROWS, _LEAST_ROWS), _MOST_ROWS)
        self.rows = min(table.row_count, enough)
        steps = np.arange(self.rows) + (
            np.random.default_rng(0).random(self.rows) if self.rows < table.row_count else 0
        )
        self._positions: Positions = (steps * (table.row_count / max(self.rows, 1))).astype(np.int64)
        self._columns: dict[str, EncodedColumn] = {}
        self._sorted: dict[RowOrder, Positions] = {}
        self._zones: dict[tuple[str, RowOrder, int], Zones] = {}
        self._ranked: dict[str, npt.NDArray[np.int64]] = {}

    def thinned(self) -> Sample:
        """A sample of these rows, for a first look."""
        thin = Sample(self.snapshot, self.table, self._execution)
        thin._whole, thin._positions = self, np.arange(0, self.rows, _THIN)
        thin.rows = len(thin._positions)
        return thin

    @cached_property
    def zone_rows(self) -> int:
        """Rows of the sample for each zone of the table, a multiple of 8 as bitmaps need."""
        return max(round(ZONE_ROWS * self.rows / max(self.table.row_count, 1) / 8) * 8, 8)

    @cached_property
    def block_rows(self) -> int:
        """Rows of the sample for each block of a zone, likewise."""
        return max(round(BLOCK_ROWS * self.rows / max(self.table.row_count, 1) / 8) * 8, 8)

    def column(self, column: OrderColumn) -> EncodedColumn:
        """The values of a column of the table, or of a parent, for the rows of the sample; shape (rows,)."""
        if column.name not in self._columns:
            self._columns[column.name] = (
                self._parents.values(column.path, column.column)
                if self._whole is None
                else take(self._whole.column(column), self._positions)
            )
        return self._columns[column.name]

    @cached_property
    def _parents(self) -> Parents:
        return Parents(self.snapshot, self.table, self._execution, self._positions)

    def sorted(self, order: RowOrder) -> Positions:
        """The rows of the sample in an order, shape (rows,); equal ones, all if it has no columns, as in the table."""
        if order not in self._sorted:
            placed = order.columns or order.curve
            self._sorted[order] = (
                sorted_rows(order, self.column, self.rows, self._execution) if placed else np.arange(self.rows)
            )
        return self._sorted[order]

    def zones(self, column: OrderColumn, order: RowOrder) -> Zones:
        """What the zones of a column would be if the table lay in an order."""
        return self._parts(column, order, self.zone_rows)

    def blocks(self, column: OrderColumn, order: RowOrder) -> Zones:
        """What is known of the blocks of a column then: their own bounds, or those of their zones where these do."""
        blocks, zones = self._parts(column, order, self.block_rows), self.zones(column, order)
        if blocks.minimum is None or blocks.maximum is None or zones.minimum is None or zones.maximum is None:
            return blocks
        places = np.arange(len(blocks)) * self.block_rows // self.zone_rows
        told = blocks if tell_more(blocks, zones) else Zones(zones.nulls, zones.minimum[places], zones.maximum[places])
        return replace(told, nulls=zones.nulls[places])  # of NULLs zones alone tell

    def _parts(self, column: OrderColumn, order: RowOrder, rows: int) -> Zones:
        """Bounds of each so many rows of the sample in an order."""
        key = column.name, order, rows
        if key not in self._zones:
            self._zones[key] = self._widened(column, take(self.column(column), self.sorted(order)), rows)
        return self._zones[key]

    def _widened(self, column: OrderColumn, values: EncodedColumn, rows: int) -> Zones:
        zones = zones_of(values, rows)
        if zones.minimum is None or zones.maximum is None or self.rows == self.table.row_count:
            return zones
        known = self._ranks(column)
        if not len(known):
            return zones
        # of equal values those that are nearest to the others, so that one value alone stays itself
        low = np.searchsorted(known, zones.minimum, "right") - 1
        high = np.searchsorted(known, zones.maximum, "left")
        gap = np.ceil(_GAPS * np.maximum(high - low, 0) / rows).astype(np.int64)
        last = max(len(known) - 1, 0)
        filled = zones.minimum <= zones.maximum
        wider = known[np.clip(low - gap, 0, last)], known[np.clip(high + gap, 0, last)]
        minimum = np.where(filled, np.minimum(zones.minimum, wider[0]), zones.minimum)
        maximum = np.where(filled, np.maximum(zones.maximum, wider[1]), zones.maximum)
        return Zones(zones.nulls, minimum, maximum)

    def width(self, column: OrderColumn, order: RowOrder, today: float, encoding: str) -> float:
        """Bytes of a value of the column if the table lay in an order: runs come and go with the order."""
        values = take(self.column(column), self.sorted(order))
        unrolled = stored_width(values) if encoding == "rle" else today
        codes = values.codes
        if codes is None or codes.ndim != 1 or values.validity is not None or codes.dtype.kind == "f":
            return unrolled
        rolled = self._runs(codes) * (_RUN_END_BYTES + codes.itemsize) / max(self.table.row_count, 1)
        return rolled if rolled * _RUN_GAIN <= unrolled else unrolled

    def _runs(self, codes: npt.NDArray[np.generic]) -> float:
        """Runs in the whole table, by how their number grows from half of the sample to all of it."""
        whole, half = _runs(codes), _runs(codes[::2])
        growth = min(max(math.log2(whole / half), 0.0), 1.0)
        return float(whole * (self.table.row_count / max(self.rows, 1)) ** growth)

    def _ranks(self, column: OrderColumn) -> npt.NDArray[np.int64]:
        """The sample's values in ascending order, as zones write them."""
        if column.name not in self._ranked:
            values = self.column(column)
            codes: AnyArray = np.zeros(1, np.int64) if values.codes is None else values.codes
            if values.validity is not None:
                codes = codes[bitmaps.to_mask(values.validity, values.length)]
            keys = ordered_keys(codes) if codes.dtype.kind == "f" else codes.astype(np.int64)
            self._ranked[column.name] = np.sort(keys)
        return self._ranked[column.name]


def sampled_column(snapshot: Snapshot, table: Table, position: int) -> OrderColumn:
    """A column of a table, by its number, or one of a parent that layouts of the table carry."""
    if position < len(table.columns):
        name = table.column_name(position)
        return OrderColumn(name, (), name)
    derived = table.derived_columns[position - len(table.columns)]
    path, holder = [], table
    for reference in derived.plan.path:
        parent = snapshot.tables[reference.table]
        names = (tuple(holder.columns[i].name for i in reference.columns), parent.name)
        path.append(ForeignKey(*names, tuple(parent.columns[i].name for i in reference.parents)))
        holder = parent
    return OrderColumn(derived.name, tuple(path), holder.column_name(derived.plan.column))


def _runs(codes: npt.NDArray[np.generic]) -> int:
    return int(np.count_nonzero(codes[1:] != codes[:-1])) + 1
