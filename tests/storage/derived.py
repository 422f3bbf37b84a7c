"""What a layout says of rows' parents, read from it, for tests that hold it against the tables themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from locality.encodings import decode
from locality.operators.relations.tables import scan_relation
from locality.plan.nodes import Scan
from locality.plan.virtual import LIVE
from locality.storage.table import Table
from locality.types import BOOLEAN


def derived_values(table: Table, layout: str, key: str) -> dict[str, dict[Any, Any]]:
    """Of each derived column of a layout, by its name: the values of the rows that are there, by those of ``key``."""
    derived = table.derived(layout)
    own = table.column_names.index(key)
    columns = (own, LIVE, *(column.number for column in derived))
    types = (table.columns[own].type, BOOLEAN, *(column.type for column in derived))
    relation = scan_relation(table, Scan(table.name, columns, types, layout))
    keys, live, *values = (decode(relation.gather(i, None)).to_pylist() for i in range(len(columns)))
    rows = np.flatnonzero([there is not None for there in live])
    return {
        table.column_name(column.number): {keys[row]: found[row] for row in rows}
        for column, found in zip(derived, values, strict=True)
    }
