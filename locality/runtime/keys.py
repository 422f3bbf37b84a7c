"""What a plan may know of the keys of stored tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from locality.storage.table import Table


@dataclass(frozen=True)
class StoredKeys:
    """The :class:`~locality.optimizer.late.Keys` of a snapshot's tables."""

    tables: Mapping[str, Table]

    def unique_keys(self, table: str) -> Sequence[frozenset[int]]:
        return self.tables[table].unique_keys

    def has_nulls(self, table: str, column: int) -> bool:
        return self.tables[table].statistics(column).null_count > 0

    def is_raw(self, table: str, column: int) -> bool:
        return any(segment.encoding(column) == "text" for segment in self.tables[table].segments)
