"""Columns that every stored table has beside its own: never stored as such, and numbered far beyond those that are."""

from __future__ import annotations

from locality.types import BIGINT, BOOLEAN, DataType

#: A row's position among the rows of its table's segments, BIGINT: ``rowid`` in SQL. Unique, and stable in a snapshot.
ROW_ID = 1 << 30
#: TRUE of a row that is there, NULL of one that was deleted but still lies in its segment; BOOLEAN.
LIVE = ROW_ID + 1

TYPES: dict[int, DataType] = {ROW_ID: BIGINT, LIVE: BOOLEAN}
NAMES: dict[int, str] = {ROW_ID: "rowid", LIVE: "live"}
