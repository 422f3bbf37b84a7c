"""The small segments that appends and changes leave at a table's end, merged when there are many of about one size.

Each segment costs a file or three, and a look at its statistics in every query and write. Merging FANOUT of a size
(size-tiered compaction, as in LSM trees: O'Neil et al., "The log-structured merge-tree", 1996) keeps their number
logarithmic in that of appends, and writes a row about once for each power of FANOUT between the rows of an append and
_LARGE. Rows keep their positions, deleted ones too: row ids, what other tables derive, and rollups stay true.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from locality.encodings import slice_column
from locality.errors import StoreError
from locality.storage.deletions import Mask
from locality.storage.dictionaries import key_of
from locality.storage.entries import LayoutEntry, TableEntry
from locality.storage.ingest.arrange import further, layout_rows
from locality.storage.ingest.source import CHUNK_ROWS, Columns
from locality.storage.segment import Segment, SegmentFiles
from locality.storage.snapshot import open_table
from locality.storage.store import Store
from locality.storage.table import Table
from locality.storage.transaction import Transaction

#: Segments of about one size that are merged.
FANOUT = 8
#: Bytes up to which segments count as of one size: writing them costs what files cost, not what bytes do.
_SMALL = 128 << 10
#: Bytes from which segments are left as they are.
_LARGE = _SMALL * FANOUT**2
#: Bytes that a row counts for at least: also segments of little but constants have so many rows at most.
_ROW = 16


def merge_tail(store: Store, name: str, threads: int) -> int:
    """Merge the last segments of a table, or of its rollups, where they are many and small, and commit.

    Returns the bytes written. Nothing happens while another writer is at work or without space for it: a later append
    will do.
    """
    entry = store.snapshot().entries.get(name)
    if entry is None or not any(_count(layout) for each in _with_rollups(entry) for layout in each.layouts):
        return 0
    with contextlib.suppress(StoreError), store.begin() as transaction:
        before = transaction.tables.table(name)
        merged = _with_merged_tail(transaction, before, threads)
        rollups = (
            replace(each, stored=_with_merged_tail(transaction, each.stored, threads)) for each in merged.rollups
        )
        merged = replace(merged, rollups=tuple(rollups))
        if merged != before:
            transaction.put(merged)
            transaction.commit()
            known = {file.path for file in before.files}
            return sum(file.size for file in merged.files if file.path not in known)
    return 0


def _with_rollups(entry: TableEntry) -> list[TableEntry]:
    """The table and those that hold the rows of its rollups."""
    return [entry, *(rollup.stored for rollup in entry.rollups)]


def _count(layout: LayoutEntry) -> int:
    """How many of the last segments are to be merged."""
    sizes = [_size(segment) for segment in reversed(layout.segments)]
    count, below, limit = 0, 0, _SMALL
    while limit <= _LARGE:
        small = next((i for i, size in enumerate(sizes) if size > limit), len(sizes))
        of_this_size = sum(size > below for size in sizes[:small])
        if of_this_size + bool(count) >= FANOUT:  # with what smaller ones become
            count = small
        below, limit = limit, limit * FANOUT
    return count


def _size(segment: SegmentFiles) -> int:
    return max(sum(file.size for file in segment.files), _ROW * segment.rows)


def _with_merged_tail(transaction: Transaction, entry: TableEntry, threads: int) -> TableEntry:
    """The table with the last segments of each layout merged where they are many and small.

    Each layout has its own: one that was written after rows were deleted has fewer rows than the primary.
    """
    counts = [_count(layout) for layout in entry.layouts]
    if not any(counts):
        return entry
    table = open_table(transaction.store, entry)
    layouts = [
        _merged(transaction, entry, layout, table, len(layout.segments) - count, threads) if count else layout
        for layout, count in zip(entry.layouts, counts, strict=True)
    ]
    if counts[0]:
        kept = len(entry.primary.segments) - counts[0]
        layouts[0] = _without_deleted(transaction, layouts[0], table, kept)
    merged = replace(entry, layouts=tuple(layouts))
    fresh = entry.fresh_rollups
    rollups = (replace(each, state=merged.state) if each in fresh else each for each in entry.rollups)
    return replace(merged, rollups=tuple(rollups))


def _merged(
    transaction: Transaction, entry: TableEntry, layout: LayoutEntry, table: Table, start: int, threads: int
) -> LayoutEntry:
    """A layout with its segments from ``start`` on as one, or a few; without deletions."""
    segments = table.layout(layout.name).segments
    rows = layout_rows(table, layout, _chunks(segments[start:]), sum(each.row_count for each in segments[start:]))
    written = further(transaction, entry, layout, rows, threads)
    needed = frozenset[str]().union(*(segment.dictionaries() for segment in segments[:start]))
    dictionaries = {file.path: file for file in layout.dictionaries if key_of(file) in needed}
    dictionaries |= {file.path: file for file in written.dictionaries}
    return replace(
        layout, segments=layout.segments[:start] + written.segments, dictionaries=tuple(dictionaries.values())
    )


def _chunks(segments: Sequence[Segment]) -> Iterator[Columns]:
    for segment in segments:
        columns = [segment.column(index) for index in range(segment.column_count)]
        for start in range(0, segment.row_count, CHUNK_ROWS):
            stop = min(start + CHUNK_ROWS, segment.row_count)
            yield [slice_column(column, start, stop) for column in columns]


def _without_deleted(transaction: Transaction, layout: LayoutEntry, table: Table, kept: int) -> LayoutEntry:
    """The primary layout, merged from segment ``kept`` on, with the rows marked that were deleted."""
    tail = zip(table.segments[kept:], table.deletions[kept:], strict=True)
    live = np.concatenate([np.ones(s.row_count, np.bool_) if d is None else d.mask() for s, d in tail])
    merged, first = [], 0
    for files in layout.segments[kept:]:
        merged.append(_marked(transaction, files, live[first : first + files.rows]))
        first += files.rows
    return replace(layout, segments=(*layout.segments[:kept], *merged))


def _marked(transaction: Transaction, files: SegmentFiles, live: Mask) -> SegmentFiles:
    dead = len(live) - int(np.count_nonzero(live))
    return replace(files, deleted=transaction.add_deletions(live), dead=dead) if dead else files
