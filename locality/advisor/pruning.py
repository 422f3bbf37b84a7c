"""Which zones a scan's tests leave: of stored layouts, and of a sample in any order that its table might lie in.

The tests are those of a query (:mod:`locality.operators.filters`). They are asked about by the columns that they read:
what a table's conjuncts about one column exclude is the same for all scans that have them, whatever else these ask.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from locality.advisor.sample import Sample, sampled_column
from locality.advisor.uses import Asked, TableUse
from locality.operators.filters.conditions import plan_tests
from locality.operators.filters.filter import Test
from locality.operators.filters.zones import possible_blocks, possible_zones
from locality.operators.relations.relation import ColumnsSegment, Relation
from locality.operators.relations.tables import scan_relation
from locality.plan.nodes import Scan
from locality.plan.virtual import NAMES
from locality.runtime.paths import OrderColumn
from locality.runtime.reorder import RowOrder
from locality.storage.table import Table
from locality.storage.zones import BLOCK_ROWS, BLOCKS, Zones

Bits = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
#: Parts of a layout, blocks or zones: which of them are read, and the rows of each.
Parts = tuple[Bits, Counts]
#: How the rows of a layout lie: an order, or as in the stored layout of a name.
Lie = RowOrder | str


@dataclass(frozen=True, eq=False)
class _SampleSegment(ColumnsSegment):
    """The columns of a sample in any order, with the zones of the one that is asked about."""

    bounds: Mapping[int, Zones]
    rows_of_zone: int

    @property
    def zone_rows(self) -> int:
        return self.rows_of_zone

    def zones(self, index: int) -> Zones | None:
        return self.bounds.get(index)


class Pruning:
    """What tests of scans of one table leave; what was asked once is known."""

    def __init__(self, table: Table, sample: Sample) -> None:
        self.table, self.sample = table, sample
        self._tests: dict[Asked, tuple[list[Test], Relation]] = {}
        self._parts: dict[tuple[Asked, RowOrder, int], Bits | None] = {}
        self._read: dict[tuple[tuple[Asked, ...], Lie], tuple[Parts, Parts]] = {}
        self._shares: dict[tuple[tuple[Asked, ...], Lie], tuple[float, float]] = {}

    def read(self, use: TableUse, lie: Lie) -> tuple[Parts, Parts]:
        """The blocks that a scan reads, and the zones; of a sample if the order is not stored."""
        key = use.asks, lie
        if key not in self._read:
            self._read[key] = self._stored(use, lie) if isinstance(lie, str) else self._sampled(use, lie)
        return self._read[key]

    def shares(self, use: TableUse, lie: Lie) -> tuple[float, float]:
        """The share of the rows in the blocks that a scan reads, and in the zones, by which plans are made."""
        key = use.asks, lie
        if key not in self._shares:
            blocks, zones = (float(rows[left].sum() / max(rows.sum(), 1)) for left, rows in self.read(use, lie))
            self._shares[key] = blocks, zones
        return self._shares[key]

    def selectivity(self, use: TableUse) -> float:
        """The share of the rows for which all conjuncts of a scan are true, about."""
        return math.prod(test.share for asked in self._asked(use) for test in self._planned(asked)[0])

    def _stored(self, use: TableUse, layout: str) -> tuple[Parts, Parts]:
        relation = scan_relation(self.table, replace(use.scan, layout=layout))
        tests = plan_tests(relation, use.conjuncts)
        sizes = []
        for segment in relation.segments:
            first = np.arange(0, segment.row_count, segment.zone_rows)
            sizes.append(np.minimum(first + segment.zone_rows, segment.row_count) - first)
        rows: Counts = np.concatenate(sizes)
        possible = possible_zones(relation, tests)
        zones = np.ones(len(rows), dtype=np.bool_) if possible is None else possible
        blocks = possible_blocks(relation, tests, zones)
        if blocks is None:
            return (zones, rows), (zones, rows)
        before = np.tile(np.arange(BLOCKS) * BLOCK_ROWS, len(rows))
        return (blocks, np.clip(np.repeat(rows, BLOCKS) - before, 0, BLOCK_ROWS)), (zones, rows)

    def _sampled(self, use: TableUse, order: RowOrder) -> tuple[Parts, Parts]:
        blocks = self._possible(use, order, self.sample.blocks, self.sample.block_rows)
        zones = self._possible(use, order, self.sample.zones, self.sample.zone_rows)
        return (blocks, np.ones(len(blocks), np.int64)), (zones, np.ones(len(zones), np.int64))

    def _possible(
        self, use: TableUse, order: RowOrder, parts: Callable[[OrderColumn, RowOrder], Zones], size: int
    ) -> Bits:
        """Which parts, of so many rows of the sample, a scan could not exclude if the table lay in an order."""
        found = (self._possible_of(asked, order, parts, size) for asked in self._asked(use))
        everything = np.ones(-(-self.sample.rows // size), dtype=np.bool_)
        return reduce(np.logical_and, (bits for bits in found if bits is not None), everything)

    def _possible_of(
        self, asked: Asked, order: RowOrder, parts: Callable[[OrderColumn, RowOrder], Zones], size: int
    ) -> Bits | None:
        key = asked, order, size
        if key not in self._parts:
            tests, relation = self._planned(asked)
            (segment,) = relation.segments
            bounds = {i: parts(self._column(column), order) for i, column in enumerate(asked.columns)}
            columns = tuple(segment.column(i) for i in range(len(relation.types)))
            view = _SampleSegment(columns, segment.row_count, bounds, size)
            self._parts[key] = possible_zones(replace(relation, segments=(view,)), tests)
        return self._parts[key]

    def _asked(self, use: TableUse) -> list[Asked]:
        """What is asked, but of strings without a dictionary, of which few exclude zones and reading takes long, and of
        what is not stored as a column: positions, and which rows were deleted.
        """
        return [asked for asked in use.asks if asked.columns and not any(map(self._is_untold, asked.columns))]

    def _is_untold(self, position: int) -> bool:
        return position in NAMES or self.table.is_position(position) or bool(self.table.raw_bytes(position))

    def _planned(self, asked: Asked) -> tuple[list[Test], Relation]:
        if asked not in self._tests:
            stored = scan_relation(self.table, Scan(self.table.name, asked.columns, asked.types))
            columns = [self._column(position) for position in asked.columns]
            bounds = {i: self.sample.zones(column, RowOrder(())) for i, column in enumerate(columns)}
            values = tuple(map(self.sample.column, columns))
            segment = _SampleSegment(values, self.sample.rows, bounds, self.sample.zone_rows)
            relation = Relation(stored.name, stored.types, stored.intervals, (segment,), 0.0, stored.distinct)
            self._tests[asked] = plan_tests(relation, asked.conjuncts), relation
        return self._tests[asked]

    def _column(self, position: int) -> OrderColumn:
        return sampled_column(self.sample.snapshot, self.table, position)
