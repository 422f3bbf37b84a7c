"""The columns of a segment that no file holds: where its rows lie in the table, and whether they are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.plan.virtual import LIVE, ROW_ID
from locality.storage.deletions import Deletions, Gathered
from locality.storage.zones import ZONE_ROWS, Zones, zones_of
from locality.types import BIGINT, BOOLEAN


@dataclass(frozen=True)
class RowIds:
    """The numbers of a segment's rows among those of its table, from ``first`` on. Nothing is read for them."""

    first: int
    rows: int

    @cached_property
    def column(self) -> EncodedColumn:
        """``first``, ``first + 1``, ...: all segments share the codes."""
        return EncodedColumn(BIGINT, "frame", self.rows, codes=_numbers()[: self.rows], base=self.first)

    @cached_property
    def zones(self) -> Zones:
        """The statistics of its zones."""
        starts = np.arange(0, self.rows, ZONE_ROWS, dtype=np.int64)
        return Zones(np.zeros(len(starts), np.int64), starts, np.minimum(starts + ZONE_ROWS, self.rows) - 1)


@dataclass(frozen=True)
class Live:
    """TRUE for each row of a segment that is there, NULL for each that was deleted."""

    rows: int
    deletions: Deletions | Gathered | None

    @cached_property
    def column(self) -> EncodedColumn:
        """A constant; the bitmap of deletions is its validity as it lies in the file."""
        validity = None if self.deletions is None else self.deletions.live
        return EncodedColumn(BOOLEAN, "constant", self.rows, validity=validity, base=1)

    @cached_property
    def zones(self) -> Zones:
        """The statistics of its zones."""
        return zones_of(self.column)


def virtual_columns(first: int, rows: int, deletions: Deletions | None) -> Mapping[int, RowIds | Live]:
    """The virtual columns of a segment of ``rows`` rows before which there are ``first``, by their numbers."""
    return {ROW_ID: RowIds(first, rows), LIVE: Live(rows, deletions)}


@cache
def _numbers() -> npt.NDArray[np.uint32]:
    """The codes of the row numbers of the longest segment that there may be."""
    return np.arange(16 * ZONE_ROWS, dtype=np.uint32)
