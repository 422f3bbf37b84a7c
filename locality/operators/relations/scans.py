"""Relations of stored tables, kept with the table: what was derived of them for a query serves the next one."""

from __future__ import annotations

import weakref
from dataclasses import replace

from locality.operators.relations.memo import Memo
from locality.operators.relations.relation import Relation
from locality.operators.relations.tables import scan_relation
from locality.plan.nodes import Scan
from locality.storage.table import Table

#: Of each table, by what is scanned of it. A table is of one version, and goes with the last snapshot that has it.
_KEPT: weakref.WeakKeyDictionary[Table, Memo] = weakref.WeakKeyDictionary()
#: What is counted for a relation, without what is derived of it.
_BYTES = 2048


def kept_relation(table: Table, scan: Scan, *, zoned: bool = True) -> Relation:
    """The rows of ``table``, with the columns of ``scan``: the same object for the same question."""
    kept = _KEPT.setdefault(table, Memo())
    key = scan.columns, scan.types, scan.layout, zoned
    return kept.once(key, lambda: replace(scan_relation(table, scan, zoned=zoned), prepared=Memo()), _BYTES)
