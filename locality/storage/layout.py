"""Layouts: each holds all rows of a table, in an order of its own, with some of the table's columns or all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from locality.encodings import bitmaps, decode
from locality.plan.derived import Derived
from locality.plan.nodes import PRIMARY
from locality.plan.virtual import LIVE
from locality.storage.deletions import Gathered, Mask
from locality.storage.segment import Segment
from locality.storage.statistics import ColumnStatistics
from locality.storage.virtual import Live

#: The name, in a secondary layout's segments, of the column with each row's position in the primary layout: no column
#: of a table can have an empty name.
ROW_ID = ""


@dataclass(frozen=True)
class DerivedColumn:
    """A derived column of an open table.

    places: of each layout that has it, by name, its position in the layout's segments.
    statistics: of the rows of all these layouts.
    """

    plan: Derived
    name: str
    statistics: ColumnStatistics
    places: Mapping[str, int]


def derived_places(columns: Iterable[DerivedColumn], layout: str) -> dict[int, int]:
    """The positions in a layout's segments of the derived columns that it has, by their numbers."""
    return {column.plan.number: column.places[layout] for column in columns if layout in column.places}


class Layout:
    """An open layout. Opening one touches no file.

    segments: in row order; ``row_count``: rows in all of them.
    positions: for each column that it has, derived ones too, by its number in the table, the position in its segments.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        columns: Iterable[int],
        name: str = PRIMARY,
        derived: Mapping[int, int] = MappingProxyType({}),
        row_id: int | None = None,
    ) -> None:
        """``columns``: the table's columns (positions) that the segments have, in the segments' order.

        derived: the positions in the segments of derived columns, by their numbers in the table.
        row_id: that of the column with row ids, of a secondary layout; default after ``columns``.
        """
        self.name = name
        self.segments = tuple(segments)
        self.row_count = sum(segment.row_count for segment in self.segments)
        self._live: tuple[Mapping[int, Live], ...] | None = None
        self._lock = threading.Lock()
        own = {column: i for i, column in enumerate(columns)}
        self.positions: Mapping[int, int] = MappingProxyType({**own, **derived})
        self._row_id = len(own) if row_id is None else row_id

    def live_columns(self, mask: Callable[[], Mask]) -> tuple[Mapping[int, Live], ...]:
        """The virtual column of each segment that tells which rows are there; ``mask`` does for the primary layout."""
        with self._lock:
            if self._live is None:
                live = mask()
                self._live = tuple({LIVE: self._live_rows(segment, live)} for segment in self.segments)
            return self._live

    def row_ids(self, segment: Segment) -> npt.NDArray[np.int64]:
        """Of a secondary layout: the position of each row of one of its segments in the primary layout."""
        row_ids: npt.NDArray[np.int64] = decode(segment.column(self._row_id)).to_numpy()
        return row_ids

    def _live_rows(self, segment: Segment, live: Mask) -> Live:
        found = live[self.row_ids(segment)]
        bitmap = bitmaps.from_mask(found)
        return Live(segment.row_count, None if bitmap is None else Gathered(bitmap, int(np.count_nonzero(~found))))
