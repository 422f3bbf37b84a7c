"""Budgets: how many bytes the files of a store may take."""

from __future__ import annotations

import math
import re

from locality.errors import QueryError
from locality.settings import bytes_of
from locality.storage.entries import TableEntry
from locality.storage.snapshot import Snapshot

_TIMES = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*[xX]\s*")


def bytes_allowed(budget: int | str, snapshot: Snapshot) -> int:
    """The bytes that a budget means: a number, ``"2GB"``, or ``"1.5x"`` of the tables without further layouts.

    Raises QueryError for what is none.
    """
    times = _TIMES.fullmatch(budget) if isinstance(budget, str) else None
    allowed = bytes_of(budget) if times is None else math.floor(float(times[1]) * primary_bytes(snapshot))
    if allowed:
        return allowed
    raise QueryError(f"{budget!r} is no budget: give bytes, such as 2000000000 or '2GB', or '1.5x' of the tables")


def primary_bytes(snapshot: Snapshot) -> int:
    """Bytes of the files of the tables alone: without further layouts, carried columns and lists for lookups.

    Of these, bytes that a budget allows may be taken; they do not make it larger.
    """
    return sum(map(_table_bytes, snapshot.entries.values()))


def stored_bytes(snapshot: Snapshot) -> int:
    """Bytes of the files of the tables with all layouts."""
    return sum(file.size for entry in snapshot.entries.values() for file in entry.files)


def _table_bytes(entry: TableEntry) -> int:
    layout = entry.primary
    carried = sum(column.statistics.stored_bytes for column in layout.derived)
    listed = sum(segment.lookups.size for segment in layout.segments if segment.lookups is not None)
    return max(sum(file.size for file in layout.files) - carried - listed, 0)
