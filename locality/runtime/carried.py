"""Whether the columns of parents that are stored with a table's rows are those that the parents have."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from locality.encodings import decode
from locality.errors import CorruptStoreError
from locality.operators.physical import Execution
from locality.operators.relations.relation import Positions
from locality.operators.relations.tables import scan_relation
from locality.plan.nodes import PRIMARY, Scan
from locality.runtime.parents import Parents
from locality.runtime.reorder import derived_values
from locality.storage.layout import Layout
from locality.storage.snapshot import Snapshot
from locality.storage.table import Table


def check_carried(snapshot: Snapshot, table: str, execution: Execution) -> None:
    """Raise CorruptStoreError if a column that queries would use instead of a parent's does not equal it."""
    stored = snapshot.tables[table]
    entries = {entry.name: entry for entry in snapshot.entries[table].layouts}
    for layout in stored.layouts:
        serving = {stored.column_name(column.number): column for column in stored.derived(layout.name)}
        if not serving:
            continue
        row_ids = _row_ids(stored, layout)
        there = np.flatnonzero(stored.live_mask()[row_ids])
        parents = Parents(snapshot, stored, execution, row_ids[there])
        for column in entries[layout.name].derived:
            if column.name not in serving:
                continue
            scan = Scan(table, (serving[column.name].number,), (column.type,), layout.name)
            found = decode(scan_relation(stored, scan).gather(0, there))
            if not _equal(found, decode(derived_values(parents, column, parents.rows(column.path)))):
                raise CorruptStoreError(f"column {column.name} of layout {layout.name!r} is not what its parents have")


def _row_ids(table: Table, layout: Layout) -> Positions:
    """The position of each row of a layout in the primary one."""
    if layout.name == PRIMARY:
        return np.arange(table.row_count, dtype=np.int64)
    return np.concatenate([np.empty(0, np.int64), *(layout.row_ids(segment) for segment in layout.segments)])


def _equal(left: pa.Array, right: pa.Array) -> bool:
    if pa.types.is_floating(left.type):  # NaN equals NaN
        bits = pa.int64() if left.type == pa.float64() else pa.int32()
        left, right = left.view(bits), right.view(bits)
    return bool(left.equals(right))
