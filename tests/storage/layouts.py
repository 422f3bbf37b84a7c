"""Rows that tests of stores have for layouts."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from locality.storage.entries import LayoutEntry
from locality.storage.ingest.arrange import Arrange
from locality.storage.ingest.source import Place, Source, StreamSource, ready
from locality.storage.snapshot import Snapshot


def rows_of(made: Callable[[], pa.Table]) -> Arrange:
    """Places the rows of a table that has but a primary layout."""

    def arrange(snapshot: Snapshot, table: str, layout: LayoutEntry, first: int) -> Source:
        return StreamSource(made().to_reader(), Place("the rows"), ready)

    return arrange
