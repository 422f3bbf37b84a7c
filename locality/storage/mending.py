"""Lists of where values lie written anew, for segments of which that file is damaged and the others are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from locality.storage.entries import LayoutEntry
from locality.storage.files import FileEntry, first_problem
from locality.storage.lookups import lookup_of
from locality.storage.segment import Segment, SegmentFiles
from locality.storage.snapshot import open_table
from locality.storage.store import Store
from locality.storage.transaction import Transaction
from locality.storage.zones import zones_of

Check = Callable[[Path, FileEntry], None]


def mend_lookups(store: Store, table: str, check: Check) -> bool:
    """Write the lookups of a table anew that fail ``check``, and commit; returns whether any did.

    Raises StoreLockedError, StoreFullError, StoreError: the store can't be written to; it is as it was.
    """
    entry = store.snapshot().entries.table(table)
    if not any(_is_damaged(store.path, files, check) for layout in entry.layouts for files in layout.segments):
        return False
    with store.begin() as transaction:
        entry = transaction.tables.table(table)
        opened = open_table(store.path, entry).layouts
        layouts = (
            replace(
                layout,
                segments=tuple(
                    _mended(transaction, layout, files, segment) if _is_damaged(store.path, files, check) else files
                    for files, segment in zip(layout.segments, found.segments, strict=True)
                ),
            )
            for layout, found in zip(entry.layouts, opened, strict=True)
        )
        transaction.put(replace(entry, layouts=tuple(layouts)))
        transaction.commit()
    return True


def _is_damaged(store: Path, files: SegmentFiles, check: Check) -> bool:
    """Whether a segment's lookups fail a check that its other files pass."""
    if files.lookups is None or first_problem(store, [files.lookups], check) is None:
        return False
    return first_problem(store, replace(files, lookups=None).files, check) is None


def _mended(transaction: Transaction, layout: LayoutEntry, files: SegmentFiles, segment: Segment) -> SegmentFiles:
    made = {}
    for index, name in enumerate(segment.names):
        if name in layout.looked_up:
            column = segment.column(index)
            if (found := lookup_of(column, zones_of(column))) is not None:
                made[index] = found
    return replace(files, lookups=transaction.add_lookups(made) if made else None)
