"""Which rows of other tables the foreign keys of a table's rows lead to, and what these have in their columns."""

from __future__ import annotations

import numpy as np

from locality.encodings import EncodedColumn, without_rows
from locality.errors import SchemaError, Unsupported
from locality.operators.physical import Execution
from locality.operators.relations.keyindex import index_rows
from locality.operators.relations.relation import Positions, Relation
from locality.operators.relations.tables import whole_table
from locality.storage.catalog import column_positions, listed
from locality.storage.snapshot import Snapshot
from locality.storage.table import ForeignKey, Table

#: Of so many times more rows of a parent, each is looked up among the keys of the few rows, and not these in an index.
_FEW = 8


class Parents:
    """The parents of some rows of a table. Each way is gone once; its rows are kept, 8 bytes each.

    Raises SchemaError where a key's type can't be looked up, and MemoryLimitError.
    """

    def __init__(
        self, snapshot: Snapshot, table: Table, execution: Execution, positions: Positions | None = None
    ) -> None:
        """``positions``: the table's rows that it is about; default all."""
        self.table = table
        self.positions = positions
        self.row_count = table.row_count if positions is None else len(positions)
        self._snapshot = snapshot
        self._execution = execution
        self._rows: dict[tuple[ForeignKey, ...], Positions] = {}
        self._relations: dict[tuple[str, str], Relation] = {}

    def rows(self, path: tuple[ForeignKey, ...]) -> Positions:
        """The position of each row's parent at the end of ``path``, one key or more; -1 where there is none."""
        if path not in self._rows:
            *before, key = path
            holder = self._snapshot.tables[path[-2].table] if before else self.table
            rows = self.rows(path[:-1]) if before else self.positions
            self._execution.reserve(8 * self.row_count, f"the rows of table {key.table!r} by key")
            self._rows[path] = self._followed(holder, key, rows)
        return self._rows[path]

    def values(self, path: tuple[ForeignKey, ...], column: str, rows: Positions | None = None) -> EncodedColumn:
        """A column at the end of ``path``, or of the table itself if that is empty, by its name; NULL without parent.

        rows: which of the rows that it is about, in which order; default all in theirs.
        """
        if not path:
            own = self.positions if rows is None else rows if self.positions is None else self.positions[rows]
            return self._relation(self.table.name, column).gather(0, own)
        return self.at(path, column, self.rows(path) if rows is None else self.rows(path)[rows])

    def at(self, path: tuple[ForeignKey, ...], column: str, found: Positions) -> EncodedColumn:
        """A column of the table at the end of ``path`` for its rows at ``found``; NULL where that is -1."""
        relation = self._relation(path[-1].table, column)
        there = found >= 0
        if there.all():
            return relation.gather(0, found)
        return without_rows(relation.gather(0, np.maximum(found, 0)), there)

    def _relation(self, table: str, column: str) -> Relation:
        if (table, column) not in self._relations:
            self._relations[table, column] = _columns(self._snapshot.tables[table], [column])
        return self._relations[table, column]

    def _followed(self, holder: Table, key: ForeignKey, rows: Positions | None) -> Positions:
        """The parent's row of each of ``rows`` of a table, which may be -1 for none; of all its rows for None."""
        parent = self._snapshot.tables[key.table]
        if rows is None:
            return self._matches(holder, key, parent, None)
        there = rows >= 0
        if len(rows) > holder.row_count:
            all_rows = self._matches(holder, key, parent, None)
            return np.where(there, all_rows[np.maximum(rows, 0)], -1) if len(all_rows) else rows
        found = np.full(len(rows), -1, np.int64)
        found[there] = self._matches(holder, key, parent, rows[there])
        return found

    def _matches(self, holder: Table, key: ForeignKey, parent: Table, rows: Positions | None) -> Positions:
        """The row of the parent, among those that were not deleted, that has the key of each row; -1 for none."""
        live = np.flatnonzero(parent.live_mask()) if parent.has_deletions else None
        ours, theirs = _columns(holder, key.columns), _columns(parent, key.parents)
        keys = [ours.gather(i, rows) for i in range(len(key.columns))]
        known = [theirs.gather(i, live) for i in range(len(key.parents))]
        few = keys[0].length * _FEW < known[0].length
        try:
            found = self._by_few(keys, ours, known) if few else self._by_index(keys, known, theirs)
        except Unsupported as reason:
            raise SchemaError(f"the foreign key {listed(key.columns)} can't be followed: {reason}") from None
        return found if live is None else np.where(found >= 0, live[np.maximum(found, 0)], -1)

    def _by_index(self, keys: list[EncodedColumn], known: list[EncodedColumn], theirs: Relation) -> Positions:
        if not known[0].length:
            return np.full(keys[0].length, -1, np.int64)
        index = index_rows(known, theirs.intervals, [False for _ in known], self._execution)
        self._execution.reserve(index.nbytes, "the index of a foreign key")
        ranks = index.ranks_of(keys, self._execution)
        return ranks if index.rows is None else np.where(ranks >= 0, index.rows[np.maximum(ranks, 0)], -1)

    def _by_few(self, keys: list[EncodedColumn], ours: Relation, known: list[EncodedColumn]) -> Positions:
        """The same from an index of the few keys."""
        if not keys[0].length:
            return np.empty(0, np.int64)
        index = index_rows(keys, ours.intervals, [False for _ in keys], self._execution)
        found = np.full(
            index.ranks + 1, -1, np.int64
        )  # by rank; the last for keys that are not there, whose rank is -1
        ranks = index.ranks_of(known, self._execution)
        rows = np.flatnonzero(ranks >= 0)
        found[ranks[rows]] = rows
        wanted = index.ranks_of(keys, self._execution)
        return found[np.where(wanted >= 0, wanted, index.ranks)]


def _columns(table: Table, names: tuple[str, ...] | list[str]) -> Relation:
    return whole_table(table, column_positions(table.name, table.column_names, names))
