"""Layouts: each holds all rows of a table, in an order of its own, with some of the table's columns or all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from locality.storage.segment import Segment

#: The name of the layout with all columns that every table has.
PRIMARY = "primary"

#: The name, in a secondary layout's segments, of the column with each row's position in the primary layout: no column
#: of a table can have an empty name.
ROW_ID = ""


class Layout:
    """An open layout. Opening one touches no file.

    segments: in row order; ``row_count``: rows in all of them.
    positions: for each column that it has, by position in the table, the position in its segments.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        columns: Iterable[int],
        name: str = PRIMARY,
    ) -> None:
        """``columns``: the table's columns (positions) that the segments have, in the segments' order."""
        self.name = name
        self.segments = tuple(segments)
        self.row_count = sum(segment.row_count for segment in self.segments)
        self.positions: Mapping[int, int] = MappingProxyType({column: i for i, column in enumerate(columns)})

    def has(self, columns: Iterable[int]) -> bool:
        """Whether all these columns of the table (positions) are in the layout."""
        return all(column in self.positions for column in columns)
